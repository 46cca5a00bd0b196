"""Rows of whole records give TRL's loss and gradients, and what is no number is passed over."""

import pytest
import torch
from trl import SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from recipe.assemble import Parts, make_trainer
from recipe.command_line import parse
from recipe.limits import RowLimits
from recipe.train import encode_corpora
from recipe.trainer import NotFinite, checkpointing

N_RECORDS = 6
FLAGS = ["--data.max_examples", str(N_RECORDS), "--lora.dropout", "0", "--train.save_steps", "0"]


@pytest.fixture
def trainer(dataset, tmp_path):
    """A trainer of six records, whose adapter already differs from zero."""
    from evals.models import load_tokenizer

    flags = [*FLAGS, "--train.gradient_checkpointing", "auto", "--data.cache", str(tmp_path / "c")]
    config = parse(["--config", "cpu", *flags]).config
    tokenizer = load_tokenizer("embedded")
    corpora = encode_corpora(config, dataset, tokenizer)
    parts = Parts(config, corpora, tokenizer, "fp32", RowLimits(2048, 2048))
    trainer = make_trainer(parts, tmp_path / "run")
    torch.manual_seed(0)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:
            parameter.data = 0.02 * torch.randn_like(parameter)
    return trainer


def records_of(trainer):
    return [trainer.train_dataset[row] for row in range(N_RECORDS)]


def gradient(trainer):
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])


def stock(trainer):
    """TRL's own loss of the same records in a padded batch, and its gradient."""
    collator = DataCollatorForLanguageModeling(pad_token_id=0)
    batch = collator([{k: r[k] for k in ("input_ids", "labels")} for r in records_of(trainer)])
    n_labelled = (batch["labels"][:, 1:] != -100).sum()
    trainer.model.set_attn_implementation("sdpa")
    loss = SFTTrainer.compute_loss(
        trainer, trainer.model, dict(batch), num_items_in_batch=n_labelled
    )
    loss.backward()
    trainer.model.set_attn_implementation("per_record")
    return loss.detach(), gradient(trainer), n_labelled


@pytest.mark.parametrize("row_tokens", [100_000, 700, 16])
@pytest.mark.parametrize("checked", [False, True])
def test_loss_and_gradient_are_those_of_trl_however_the_rows_are_cut(trainer, row_tokens, checked):
    theirs, their_gradient, n_labelled = stock(trainer)
    trainer.model.zero_grad()
    trainer.limits = RowLimits(row_tokens, 0 if checked else 100_000)
    trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    batch = trainer.data_collator(records_of(trainer))
    ours = trainer.training_step(trainer.model, batch, num_items_in_batch=n_labelled)
    torch.testing.assert_close(ours, theirs)
    assert their_gradient.norm() > 0
    assert (gradient(trainer) - their_gradient).norm() < 1e-4 * their_gradient.norm()


def test_only_long_rows_are_computed_with_checkpointing(trainer):
    trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    layers = [m for m in trainer.model.modules() if getattr(m, "gradient_checkpointing", False)]
    assert layers
    with checkpointing(trainer.model, False):
        assert not any(layer.gradient_checkpointing for layer in layers)
    with checkpointing(trainer.model, True):
        assert all(layer.gradient_checkpointing for layer in layers)
    assert all(layer.gradient_checkpointing for layer in layers)


def test_the_evaluation_loss_is_that_of_trl(trainer):
    theirs, _, _ = stock(trainer)
    batch = trainer.data_collator(records_of(trainer))
    trainer.model.eval()
    ours, logits, labels = trainer.prediction_step(trainer.model, batch, True)
    torch.testing.assert_close(ours, theirs)
    assert logits is labels is None


def test_a_step_that_is_no_number_is_skipped_and_the_third_in_a_row_stops(trainer):
    parameters = [p for p in trainer.model.parameters() if p.requires_grad]
    batch = trainer.data_collator(records_of(trainer))

    def step(broken):
        kept = parameters[0].data
        if broken:
            parameters[0].data = torch.full_like(kept, float("nan"))
        try:
            return trainer.training_step(trainer.model, dict(batch), torch.tensor(50))
        finally:
            parameters[0].data = kept

    for broken in (True, True, False, True, True):
        trainer.model.zero_grad()
        loss = step(broken)
        assert bool(loss == 0) is broken
        assert all(p.grad is None for p in parameters) is broken
    assert trainer.n_skipped == 4
    with pytest.raises(NotFinite, match=r"3 times in a row; lower --train\.learning_rate"):
        step(True)


def test_trained_parameters_are_fp32_and_fp16_models_keep_fp32_between_layers(trainer):
    from recipe.precision import prepare

    model = trainer.model.get_base_model().half()
    prepare(trainer.model, "fp16")
    assert {p.dtype for p in trainer.model.parameters() if p.requires_grad} == {torch.float32}
    found = []
    for layer in model.model.layers:
        layer.register_forward_hook(lambda _module, _inputs, output: found.append(output.dtype))
    (row,) = trainer._rows(trainer.data_collator(records_of(trainer)[:1]))
    from recipe.trainer import summed_loss

    with torch.autocast("cpu", dtype=torch.float16):
        loss = summed_loss(trainer.model, row)
    loss.backward()
    assert set(found) == {torch.float32}
    assert loss.isfinite()
    assert gradient(trainer).isfinite().all()
