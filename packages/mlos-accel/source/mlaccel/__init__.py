# SPDX-License-Identifier: Apache-2.0
"""Work for the accelerators of the kernel's hub, whoever made them. See mlaccel(3).

from mlaccel import Device, Job

device = Device.best("int8", "matmul")
left, right = device.buffer((64, 64), "int8"), device.buffer((64, 64), "int8")
left.numpy()[:] = numbers        # NumPy's arrays lie in the device's memory
product = device.buffer((64, 64), "int32")
device.run(Job().matmul(product, left, right))
print(product.numpy())
"""

from mlaccel.buffer import Buffer
from mlaccel.context import Context, JobFailed, Run, Times
from mlaccel.device import Device, Info
from mlaccel.job import Job

__all__ = ["Buffer", "Context", "Device", "Info", "Job", "JobFailed", "Run", "Times"]
