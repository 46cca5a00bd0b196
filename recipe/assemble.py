"""From a configuration to TRL's trainer: model, adapter, arguments and callbacks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cli import UserError
from recipe.config import LoraArgs, ModelArgs, RecipeConfig, TrainArgs
from recipe.precision import prepare, weights_dtype

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase
    from trl import SFTConfig

    from recipe.dataset import Corpus
    from recipe.limits import RowLimits
    from recipe.trainer import RecordTrainer

LEARNED_SPLIT, CHECKED_SPLIT = "train", "validation"


@dataclass(frozen=True)
class Parts:
    """What a trainer is made of, beside the model."""

    config: RecipeConfig
    corpora: dict[str, Corpus]
    tokenizer: PreTrainedTokenizerBase
    precision: str
    limits: RowLimits


def make_trainer(parts: Parts, folder: Path) -> RecordTrainer:
    """The trainer of a run that writes to `folder`; rendering and masking are done by then."""
    from transformers import PrinterCallback

    from data.render import chat_template
    from recipe.micro_batches import collate
    from recipe.trainer import RecordTrainer

    config, tokenizer = parts.config, parts.tokenizer
    tokenizer.chat_template = chat_template(config.data.wire)
    checked = parts.corpora.get(CHECKED_SPLIT)
    trainer = RecordTrainer(
        model=load_base(config.model, parts.precision),
        args=sft_config(config, parts.precision, folder),
        train_dataset=parts.corpora[LEARNED_SPLIT].to_dataset(),
        eval_dataset=checked.to_dataset() if checked else None,
        processing_class=tokenizer,
        data_collator=collate,
        peft_config=lora_config(config.lora),
        limits=parts.limits,
    )
    prepare(trainer.model, parts.precision)
    trainer.remove_callback(PrinterCallback)
    return trainer


def load_base(args: ModelArgs, precision: str) -> PreTrainedModel:
    """The base model, whose attention keeps records of a row apart."""
    from evals.models import load_model
    from recipe.attention import ATTENTION, register

    register()
    dtype = weights_dtype(precision)
    model = load_model(args.name, dtype, args.revision, quantization(args, dtype))
    model.set_attn_implementation(ATTENTION)
    return model


def quantization(args: ModelArgs, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """4-bit weights as in QLoRA (https://arxiv.org/abs/2305.14314); products run in `dtype`."""
    import torch
    from transformers import BitsAndBytesConfig

    if args.quantization == "none":
        return None
    if not torch.cuda.is_available():
        raise UserError("--model.quantization nf4 needs a GPU and there is none here; say none")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def lora_config(lora: LoraArgs) -> LoraConfig:
    """peft's arguments."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        bias=lora.bias,
        task_type="CAUSAL_LM",
    )


def sft_config(config: RecipeConfig, precision: str, folder: Path) -> SFTConfig:
    """TRL's arguments. bf16 is named because TRL turns it on when fp16 is unset.

    A batch of the data loader is an optimizer step: RecordTrainer splits it by tokens.
    """
    import torch
    from trl import SFTConfig

    train = config.train
    has_gpu = torch.cuda.is_available()
    n_records = train.per_device_train_batch_size * train.gradient_accumulation_steps
    return SFTConfig(
        output_dir=str(folder),
        **optimisation(train),
        per_device_train_batch_size=n_records,
        per_device_eval_batch_size=train.per_device_eval_batch_size or n_records,
        gradient_accumulation_steps=1,
        gradient_checkpointing=train.gradient_checkpointing is not False,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        logging_steps=train.logging_steps,
        logging_nan_inf_filter=False,  # RecordTrainer skips such steps, and health must see them
        eval_strategy="steps" if train.eval_steps else "no",
        eval_steps=train.eval_steps or None,
        **_saving(config),
        data_seed=train.seed,  # else each number of processes has an order of its own
        fp16=precision == "fp16",
        bf16=precision == "bf16",
        use_cpu=not has_gpu,
        dataloader_num_workers=train.dataloader_num_workers,
        dataloader_pin_memory=train.dataloader_pin_memory and has_gpu,
        ddp_find_unused_parameters=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        report_to=_reporters(train.tracker),
        disable_tqdm=True,
    )


def _reporters(tracker: str) -> list[str]:
    """Where Trainer sends its log. Raises UserError for a tracker that is not installed."""
    if tracker == "none":
        return []
    if find_spec(tracker) is None:
        raise UserError(f"--train.tracker {tracker}: not installed; pip install {tracker}, or none")
    return [tracker]


def optimisation(train: TrainArgs) -> dict[str, Any]:
    """What decides the steps, as TRL calls it; stock TRL is compared with the same."""
    return {
        "learning_rate": train.learning_rate,
        "lr_scheduler_type": train.lr_scheduler_type,
        "warmup_steps": train.warmup_ratio,
        "weight_decay": train.weight_decay,
        "max_grad_norm": train.max_grad_norm,
        "num_train_epochs": train.num_train_epochs,
        "max_steps": train.max_steps,
        "seed": train.seed,
    }


def _saving(config: RecipeConfig) -> dict[str, Any]:
    train = config.train
    if not train.save_steps:
        return {"save_strategy": "no"}
    saving: dict[str, Any] = {
        "save_strategy": "steps",
        "save_steps": train.save_steps,
        "save_total_limit": train.save_total_limit,
    }
    if train.best == "none":
        return saving
    return saving | {
        "load_best_model_at_end": True,
        "metric_for_best_model": train.best if train.best == "eval_loss" else f"eval_{train.best}",
        "greater_is_better": train.best != "eval_loss",
    }
