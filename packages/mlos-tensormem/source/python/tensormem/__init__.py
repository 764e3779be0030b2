# SPDX-License-Identifier: Apache-2.0
"""Memory that processes share, that says what lies in it, and that can be made immutable. See tensormem(3).

from tensormem import Tensor

tensor = Tensor.create((4096, 4096), "float32", name="weights", huge=None)
with tensor.writing() as memory:
    file.readinto(memory)
tensor.seal()                  # nobody can change it any more
tensor.send(connection)        # another process has it, without a copy
array = tensor.numpy()         # read-only; torch.from_dlpack(tensor) as well
"""

from tensormem.pool import Pool
from tensormem.tensor import Info, Tensor

__all__ = ["Info", "Pool", "Tensor"]
