"""QEMU, serial console, the guest handle, the pytest plugin for box tests."""
