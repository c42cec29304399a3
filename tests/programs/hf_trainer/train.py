"""A tiny transformer, randomly initialised, under Hugging Face's Trainer: out/checkpoint-N/trainer_state.json."""

import argparse

import numpy as np
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=5e-3)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--seed", type=int, default=42)
parser.add_argument("--output_dir", default="out")
args = parser.parse_args()


class Digits(torch.utils.data.Dataset):
    """A picture's 64 grey values as 64 tokens."""

    def __init__(self, rows):
        self.rows = torch.tensor(rows, dtype=torch.long)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, at):
        return {"input_ids": self.rows[at, :-1], "labels": self.rows[at, -1]}


def accuracy(prediction):
    return {"accuracy": float((prediction.predictions.argmax(1) == prediction.label_ids).mean())}


set_seed(args.seed)
rows = np.loadtxt("data/digits.csv.gz", delimiter=",")
config = BertConfig(
    vocab_size=17,
    hidden_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=64,
    num_labels=10,
)
training_args = TrainingArguments(
    output_dir=args.output_dir,
    learning_rate=args.lr,
    num_train_epochs=args.epochs,
    per_device_train_batch_size=64,
    eval_strategy="epoch",
    save_strategy="epoch",
    logging_steps=10,
    seed=args.seed,
    use_cpu=True,
)
trainer = Trainer(
    model=BertForSequenceClassification(config),
    args=training_args,
    train_dataset=Digits(rows[:600]),
    eval_dataset=Digits(rows[-200:]),
    compute_metrics=accuracy,
)
trainer.train()
trainer.save_model()
trainer.save_state()
print(trainer.evaluate())
