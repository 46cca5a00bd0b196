"""Will a run fit, how long will it take, what will it cost: before anything is paid."""
