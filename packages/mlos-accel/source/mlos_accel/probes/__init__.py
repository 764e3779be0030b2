# SPDX-License-Identifier: Apache-2.0
"""One module for each way to find accelerators, with one function: `probe(tree) -> Iterator[Device]`."""
