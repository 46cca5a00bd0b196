"""What runs inside a job: checks, the checkpoint to go on from, training, results."""
