"""Programs that run on the image: each prints lines that its test expects."""

COMPUTE = """
import numpy
from mlaccel import Device, Job
device = Device.best("int8", "fp32", "matmul", "convolution", "elementwise", "copy")
random = numpy.random.default_rng(1)

def filled(shape, dtype):
    buffer = device.buffer(shape, dtype)
    buffer.numpy()[...] = random.integers(-128, 128, shape)
    return buffer

left, right = filled((30, 70), "int8"), filled((70, 20), "int8")
product = device.buffer((30, 20), "int32")
device.run(Job().matmul(product, left, right))
print("int8", (product.numpy() == left.numpy().astype("int32") @ right.numpy().astype("int32")).all())

left, right = filled((9, 8), "float32"), filled((8, 7), "float32")
product = device.buffer((9, 7), "float32")
device.run(Job().matmul(product, left, right))
print("fp32", (product.numpy() == left.numpy() @ right.numpy()).all())

images, filters = filled((2, 6, 5, 3), "int8"), filled((4, 3, 2, 3), "int8")
result = device.buffer((2, 2, 2, 4), "int32")
device.run(Job().convolution(result, images, filters, stride=2))
windows = numpy.lib.stride_tricks.sliding_window_view(images.numpy().astype("int32"), (3, 2), axis=(1, 2))[:, ::2, ::2]
print("convolution", (result.numpy() == numpy.einsum("brqcyx,fyxc->brqf", windows, filters.numpy())).all())

x, y = filled((1000,), "float32"), filled((1000,), "float32")
to, copied = device.buffer(1000), device.buffer((2, 1000))
device.run(Job().add(to, x, y).multiply(to, to, y).relu(to, to).copy(copied.part(4000, (1000,)), to))
expected = numpy.maximum((x.numpy() + y.numpy()) * y.numpy(), 0)
print("elements", (copied.numpy()[1] == expected).all(), copied.numpy()[0].any())
for wrong in (
    lambda: Job().matmul(product, right, left),
    lambda: Job().add(to, x, left),
    lambda: Job().copy(to, copied),
    lambda: to.part(100, (1000,)),
    lambda: device.buffer(3, "float64"),
):
    try:
        wrong()
    except ValueError as error:
        print(error)
"""

SEALED = """
import errno, os
from mlaccel import Device, Job
from tensormem import Tensor
device = Device.best("int8", "matmul", "import")
weights = Tensor.create((4, 3), "int8", name="weights")
with weights.writing() as memory:
    memory[:] = bytes(range(12))
weights.seal()
right = device.tensor(weights)
left, product = device.buffer((2, 4), "int8"), device.buffer((2, 3), "int32")
left.view()[:] = bytes([1, 0, 0, 0, 1, 1, 1, 1])
context = device.context(model=7)
context.submit(Job().matmul(product, left, right)).wait()
print(list(product.view().cast("i")))
try:
    context.submit(Job().copy(right.part(0, (2, 4)), left))
except OSError as error:
    print(error.errno == errno.EPERM, error.strerror)
first = context.submit(Job().nop(), fence=True)
second = device.context(model=8).submit(Job().nop(), after=[first.fence])
second.wait(60)
os.close(first.fence)
kept = product.view()
del device, context, product, right, left
print(list(kept.cast("i")))
"""

FAULTS = """
import errno
from pathlib import Path
from mlaccel import Device, Job, JobFailed
faults, driver = Path("/sys/kernel/debug/accel/accel_sim.0"), Path("/sys/bus/platform/drivers/accel_sim")
device = Device.best("int8", "matmul")

def failure(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return type(error).__name__, errno.errorcode[error.errno]

with device.context() as context:
    (faults / "hang").write_text("1")
    runs = [context.submit(Job().nop()) for _ in range(3)]
    print(*failure(runs[0].wait, 0))
    runs[2].cancel()
    print(*failure(runs[2].wait))
    print(*failure(runs[0].wait))
    runs[1].wait()
    (faults / "fail").write_text("1")
    print(*failure(context.submit(Job().nop()).wait))
    (faults / "hang").write_text("1")
    last = context.submit(Job().nop())
    (driver / "unbind").write_text("accel_sim.0")
    print(*failure(last.wait))
    print(*failure(device.buffer, 1))
(driver / "bind").write_text("accel_sim.0")
print(device.best("matmul").run(Job().nop()).run >= 0)
"""

PLUGGED = """
from math import factorial
from mlaccel import Device, Job
from tensormem import Tensor
device = Device.best("factorial", "copy", "import")
numbers, results = device.buffer((13,), "uint32"), device.buffer((13,), "uint32")
words = numbers.view().cast("I")
for number in range(13):
    words[number] = number
device.run(Job().factorial(results, numbers))
print(list(results.view().cast("I")) == [factorial(number) for number in range(13)])
weights = Tensor.create((5000,), "uint8", name="weights")
with weights.writing() as memory:
    memory[:] = bytes(number % 251 for number in range(5000))
weights.seal()
copied = device.buffer((5000,), "uint8")
device.run(Job().copy(copied, device.tensor(weights)))
print(bytes(copied.view())[:5000] == bytes(number % 251 for number in range(5000)))
"""

ENDLESS = """
import errno
from mlaccel import Device, Job
device = Device.best("factorial", "copy")
left, right = device.buffer((4096,), "uint8"), device.buffer((4096,), "uint8")
try:
    while True:
        device.run(Job().copy(left, right))
except OSError as error:
    print(errno.errorcode[error.errno])
"""
