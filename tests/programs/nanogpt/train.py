"""In the manner of nanoGPT: a character model, settings as --name=value, two kinds of printed lines, out/ckpt.pt."""

import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

out_dir = "out"
eval_interval = 20
log_interval = 5
eval_iters = 5
max_iters = 40
batch_size = 16
block_size = 32
n_embd = 32
learning_rate = 1e-2
seed = 1337
for argument in sys.argv[1:]:  # nanoGPT's configurator.py
    key, value = argument.removeprefix("--").split("=")
    globals()[key] = type(globals()[key])(value)
    print(f"Overriding: {key} = {value}")

torch.manual_seed(seed)
text = Path("data/input.txt").read_text()
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])
split = int(0.9 * len(data))
parts = {"train": data[:split], "val": data[split:]}


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(len(chars), n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.block = nn.TransformerEncoderLayer(n_embd, 4, 4 * n_embd, 0.0, batch_first=True)
        self.lm_head = nn.Linear(n_embd, len(chars))

    def forward(self, idx, targets):
        mask = nn.Transformer.generate_square_subsequent_mask(block_size)
        x = self.block(self.wte(idx) + self.wpe(torch.arange(block_size)), src_mask=mask, is_causal=True)
        return F.cross_entropy(self.lm_head(x).flatten(0, 1), targets.flatten())


def get_batch(part):
    at = torch.randint(len(parts[part]) - block_size, (batch_size,))
    rows = torch.stack([parts[part][i : i + block_size + 1] for i in at])
    return rows[:, :-1], rows[:, 1:]


@torch.no_grad()
def estimate_loss():
    return {part: sum(model(*get_batch(part)) for _ in range(eval_iters)) / eval_iters for part in parts}


model = GPT()
print(f"number of parameters: {sum(p.numel() for p in model.parameters()) / 1e6:.2f}M")
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
t0 = time.time()
for iter_num in range(max_iters + 1):
    if iter_num % eval_interval == 0:
        losses = estimate_loss()
        print(f"step {iter_num}: train loss {losses['train']:.4f}, val loss {losses['val']:.4f}")
        if iter_num > 0:
            print(f"saving checkpoint to {out_dir}")
            Path(out_dir).mkdir(exist_ok=True)
            torch.save({"model": model.state_dict(), "iter_num": iter_num}, Path(out_dir, "ckpt.pt"))
    loss = model(*get_batch("train"))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    t1 = time.time()
    if iter_num % log_interval == 0:
        print(f"iter {iter_num}: loss {loss.item():.4f}, time {(t1 - t0) * 1000:.2f}ms, mfu -100.00%")
    t0 = t1
