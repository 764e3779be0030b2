# SPDX-License-Identifier: Apache-2.0
"""Samples for PyTorch: a data set whose items are whole batches, for a DataLoader with `batch_size=None`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch.utils.data import IterableDataset, get_worker_info

from mlos_dataplane.reader import Batch, Reader
from mlos_dataplane.samples import Samples


class BatchDataset(IterableDataset[torch.Tensor]):
    """Batches as tensors of `dtype`; `shape` is that of one sample.

    The workers of a DataLoader share the samples of this rank; each sample comes once. The rule of `Batch` about memory
    holds for tensors of the main process. Workers hand out copies, so they are seldom worth it: the reader has a thread
    of its own. Call `set_epoch` before each epoch, or all of them have the same order.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        samples: Samples,
        dtype: torch.dtype = torch.uint8,
        shape: tuple[int, ...] = (-1,),
    ) -> None:
        self._path, self._samples, self._dtype, self._shape = path, samples, dtype, shape
        self._epoch = torch.tensor(samples.epoch, dtype=torch.int64).share_memory_()
        """Workers that stay from epoch to epoch see it as well."""

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is of this epoch."""
        self._epoch.fill_(epoch)

    def __iter__(self) -> Iterator[torch.Tensor]:
        with Reader(self._path, self._ours()) as reader:
            yield from map(self._tensor, reader)

    def _ours(self) -> Samples:
        worker, samples = get_worker_info(), self._samples
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        rank, world = samples.rank * workers + number, samples.world * workers
        return replace(samples, epoch=int(self._epoch), rank=rank, world=world)

    def _tensor(self, batch: Batch) -> torch.Tensor:
        return torch.frombuffer(batch.data, dtype=self._dtype).reshape(len(batch), *self._shape)
