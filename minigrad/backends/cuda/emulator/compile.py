"""A kernel compiled for the host: lowered, retargeted, optimised, made a program, and kept on disk."""

from __future__ import annotations

import llvmlite.binding as llvm

from minigrad import compilation
from minigrad.backends.cuda.emulator.cache import digest
from minigrad.backends.cuda.emulator.lowering import lower
from minigrad.backends.cuda.emulator.program import host_modules, program, waits
from minigrad.backends.cuda.emulator.retargeted import add_mathematics
from minigrad.backends.cuda.runtime.signature import Kernel, Variant

__all__ = ["compiled", "load"]

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
add_mathematics()


def compiled(kernel: Kernel, variant: Variant, checked: bool) -> bytes:
    """Object code, from the disk where it is there."""
    signature = kernel.signature(*variant)
    name = digest(kernel.py_func, signature, checked)
    code = compilation.load_code(name) if name else None
    if code is None:
        modules = host_modules(kernel.name, lower(kernel.py_func, signature, checked), checked)
        code = _object_code(kernel.name, modules, checked)
        if name:
            compilation.save_code(name, code)
    return code


def load(code: bytes) -> llvm.ExecutionEngine:
    """An instance of compiled code, ready to run."""
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _machine() -> llvm.TargetMachine:
    """LLVM's code generator for this processor."""
    return llvm.Target.from_default_triple().create_target_machine(
        opt=3,
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        jit=True,
        reloc="default",
        codemodel="jitdefault",
    )


def _object_code(name: str, modules: tuple[str, ...], checked: bool) -> bytes:
    """Link the modules and optimise the kernel, make it run the threads of blocks, optimise that and compile it.

    What vectorises within a thread must do so before the kernel becomes a coroutine, whose variables live in memory.
    """
    module = llvm.parse_assembly(modules[0])
    for other in modules[1:]:
        module.link_in(llvm.parse_assembly(other))
    machine = _machine()
    barriers = waits(modules[0])
    _optimise(module, machine, loops=not barriers)
    module = llvm.parse_assembly(program(name, module, checked))
    if not barriers:
        module.get_global_variable("sreg").linkage = "internal"
    _optimise(module, machine, loops=not barriers)
    return bytes(machine.emit_object(module))


def _optimise(module: llvm.ModuleRef, machine: llvm.TargetMachine, loops: bool) -> None:
    """Run LLVM's passes. A thread's loops are short where its block has barriers: they are unrolled, not vectorised.

    Shared memory stays visible to all: else LLVM would conclude that nobody changes it while a thread waits.
    """
    module.verify()
    for function in module.functions:
        if not function.is_declaration and function.name not in ("kernel", "run_blocks"):
            function.linkage = "internal"
    options = llvm.create_pipeline_tuning_options(3)
    options.slp_vectorization = True
    options.loop_vectorization = options.loop_interleaving = loops
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
