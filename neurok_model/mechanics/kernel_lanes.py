"""Numbers for the machine code: one float64, or eight at once, so that one source serves both (numba).

The kernels are written once, in terms of ``load``, ``store`` and arithmetic. Where an array has just as many dimensions
as the index that it is read with, its elements are plain numbers; where it has one more, of size ``LANES``, its
elements are vectors of that many candidates, and numba compiles the same source to vector instructions. Comparisons of
vectors give masks, so that what is an ``if`` for one candidate is a ``where`` for eight.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending, types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model

from neurok_model.mechanics.kernel_arrays import LANES

# Numba comes without type information.
intrinsic: Callable[[Callable[..., Any]], Callable[..., Any]] = extending.intrinsic
type_callable: Callable[[Any], Callable[[Callable[..., Any]], Any]] = extending.type_callable

_INDEX, _BIT = ir.IntType(32), ir.IntType(1)
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_MASK = ir.VectorType(_BIT, LANES)


class Lanes(types.Type):
    """Numba's type of ``LANES`` float64."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES})")


class Mask(types.Type):
    """Numba's type of ``LANES`` booleans."""

    def __init__(self) -> None:
        super().__init__(name=f"Mask({LANES})")


LANES_TYPE, MASK_TYPE = Lanes(), Mask()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _MASK)


def _splat(builder: Any, value: Any) -> Any:
    """A vector that holds ``value`` in every lane."""
    vector = ir.VectorType(value.type, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_INDEX, 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))


def _as_lanes(context: Any, builder: Any, value: Any, numba_type: Any) -> Any:
    if isinstance(numba_type, Lanes):
        return value
    return _splat(builder, context.cast(builder, value, numba_type, types.float64))


def _is_lanes(*numba_types: Any) -> bool:
    return any(isinstance(each, Lanes) for each in numba_types)


def _register(operation: Callable[..., Any], result: Any, emit: Callable[..., Any]) -> None:
    """Teach numba ``operation`` of two vectors, or of a vector and a number."""

    @type_callable(operation)
    def _type(context: Any) -> Any:
        def typer(left: Any, right: Any) -> Any:
            return result if _is_lanes(left, right) else None

        return typer

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = zip(arguments, signature.args, strict=True)
        return emit(builder, *(_as_lanes(context, builder, value, kind) for value, kind in pairs))

    for left, right in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(operation, left, right)(lower)


for _operations, _instruction in (
    ((operator.add, operator.iadd), "fadd"),
    ((operator.sub, operator.isub), "fsub"),
    ((operator.mul, operator.imul), "fmul"),
    ((operator.truediv, operator.itruediv), "fdiv"),
):
    for _operation in _operations:
        _register(
            _operation,
            LANES_TYPE,
            lambda builder, left, right, name=_instruction: getattr(builder, name)(left, right),
        )
for _operation, _symbol in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">=")):
    _register(
        _operation,
        MASK_TYPE,
        lambda builder, left, right, symbol=_symbol: builder.fcmp_ordered(symbol, left, right),
    )


def _element(array: Any, index: Any) -> Any:
    """Numba's type of what ``load`` reads."""
    count = len(index) if isinstance(index, types.BaseTuple) else 1
    if array.ndim == count:
        return array.dtype
    if array.ndim == count + 1 and array.dtype == types.float64:
        return LANES_TYPE
    raise TypeError(f"an index of {count} numbers into an array of {array.ndim} dimensions")


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Where the element of a C-contiguous array begins; indices are trusted."""
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
    tuple_given = isinstance(signature.args[1], types.BaseTuple)
    index = list(cgutils.unpack_tuple(builder, arguments[1])) if tuple_given else [arguments[1]]
    sizes = cgutils.unpack_tuple(builder, array.shape, signature.args[0].ndim)
    offset = index[0]
    for size, position in zip(sizes[1 : len(index)], index[1:], strict=True):
        offset = builder.add(builder.mul(offset, size), position)
    if len(sizes) > len(index):
        offset = builder.mul(offset, ir.Constant(offset.type, LANES))
    return builder.gep(array.data, [offset])


@intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """The number at ``index``, or the vector that begins there."""
    element = _element(array, index)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        if _is_lanes(signature.return_type):
            address = builder.bitcast(address, _VECTOR.as_pointer())
        return builder.load(address, align=8)

    return element(array, index), emit


@intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a number, or a vector, at ``index``."""
    element = _element(array, index)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        if _is_lanes(element):
            address = builder.bitcast(address, _VECTOR.as_pointer())
            written = _as_lanes(context, builder, arguments[2], signature.args[2])
        else:
            written = context.cast(builder, arguments[2], signature.args[2], element)
        builder.store(written, address, align=8)
        return context.get_dummy_value()

    return types.void(array, index, value), emit


@intrinsic
def load_vector(typing_context: Any, array: Any, index: Any) -> Any:
    """``LANES`` neighbouring numbers, the first of them at ``index``, as a vector."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=8)

    return LANES_TYPE(array, index), emit


@intrinsic
def store_vector(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector to ``LANES`` neighbouring numbers, the first of them at ``index``."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        builder.store(arguments[2], builder.bitcast(address, _VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(array, index, value), emit


@intrinsic
def gather(typing_context: Any, like: Any, array: Any, rows: Any, index: Any) -> Any:
    """``array[rows[0], *index]``; for lanes, one number for each of ``rows``. ``like`` is what numbers are made of."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not _is_lanes(like):
            return builder.load(_row_address(context, builder, signature, arguments, 0))
        vector = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            value = builder.load(_row_address(context, builder, signature, arguments, lane))
            vector = builder.insert_element(vector, value, ir.Constant(_INDEX, lane))
        return vector

    return like(like, array, rows, index), emit


@intrinsic
def scatter(typing_context: Any, value: Any, array: Any, rows: Any, index: Any) -> Any:
    """``array[rows[0], *index] = value``; for lanes, one number for each of ``rows``."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for lane in range(LANES if _is_lanes(value) else 1):
            written = arguments[0]
            if _is_lanes(value):
                written = builder.extract_element(written, ir.Constant(_INDEX, lane))
            builder.store(written, _row_address(context, builder, signature, arguments, lane))
        return context.get_dummy_value()

    return types.void(value, array, rows, index), emit


def _row_address(context: Any, builder: Any, signature: Any, arguments: Any, lane: int) -> Any:
    """Where ``array[rows[lane], *index]`` is, for the arguments of ``gather`` and ``scatter``."""
    rows = cgutils.create_struct_proxy(signature.args[2])(context, builder, value=arguments[2])
    row = builder.load(builder.gep(rows.data, [ir.Constant(_INDEX, lane)]))
    index = cgutils.unpack_tuple(builder, arguments[3])
    array = cgutils.create_struct_proxy(signature.args[1])(context, builder, value=arguments[1])
    sizes = cgutils.unpack_tuple(builder, array.shape, signature.args[1].ndim)
    offset = row
    for size, position in zip(sizes[1:], index, strict=True):
        offset = builder.add(builder.mul(offset, size), position)
    return builder.gep(array.data, [offset])


@intrinsic
def constant(typing_context: Any, like: Any, value: Any) -> Any:
    """``value`` as the same kind of number as ``like``."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _is_lanes(like):
            return _as_lanes(context, builder, arguments[1], signature.args[1])
        return context.cast(builder, arguments[1], signature.args[1], types.float64)

    return (LANES_TYPE if _is_lanes(like) else types.float64)(like, value), emit


@intrinsic
def where(typing_context: Any, mask: Any, chosen: Any, other: Any) -> Any:
    """``chosen`` where the mask is true, ``other`` elsewhere."""
    lanes = isinstance(mask, Mask)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pairs = list(zip(arguments, signature.args, strict=True))[1:]
        if lanes:
            left, right = (_as_lanes(context, builder, value, kind) for value, kind in pairs)
        else:
            left, right = (context.cast(builder, value, kind, types.float64) for value, kind in pairs)
        return builder.select(arguments[0], left, right)

    return (LANES_TYPE if lanes else types.float64)(mask, chosen, other), emit


def _logic(name: str) -> Any:
    """An intrinsic of two masks, or of two booleans."""

    @intrinsic
    def operation(typing_context: Any, left: Any, right: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments)

        return left(left, right), emit

    return operation


both, either = _logic("and_"), _logic("or_")


@intrinsic
def opposite(typing_context: Any, mask: Any) -> Any:
    """Where a mask is false."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.not_(arguments[0])

    return mask(mask), emit


@intrinsic
def any_of(typing_context: Any, mask: Any) -> Any:
    """Whether a mask is true anywhere."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not isinstance(mask, Mask):
            return arguments[0]
        bits = builder.bitcast(arguments[0], ir.IntType(LANES))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(mask), emit


def _unary(name: str) -> Any:
    """An intrinsic of LLVM that works on numbers and vectors alike."""

    @intrinsic
    def operation(typing_context: Any, value: Any) -> Any:
        kind = LANES_TYPE if _is_lanes(value) else types.float64

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind_name = f"v{LANES}f64" if _is_lanes(value) else "f64"
            signature_type = ir.FunctionType(arguments[0].type, [arguments[0].type])
            function = cgutils.get_or_insert_function(builder.module, signature_type, f"llvm.{name}.{kind_name}")
            return builder.call(function, arguments)

        return kind(value), emit

    return operation


root, floor, absolute = _unary("sqrt"), _unary("floor"), _unary("fabs")

_SHIFT = 1.5 * 2.0**52
"""Adding it to a small whole number leaves that number in the low bits of the sum."""


@intrinsic
def times_power_of_two(typing_context: Any, value: Any, power: Any) -> Any:
    """``value * 2**power`` for a whole ``power``, by adding to the exponent's bits; nothing may over- or underflow."""
    kind = LANES_TYPE if _is_lanes(value) else types.float64

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = ir.VectorType(ir.IntType(64), LANES) if _is_lanes(value) else ir.IntType(64)

        def constant_like(number: float, of: Any) -> Any:
            return ir.Constant(of, [number] * LANES) if _is_lanes(value) else ir.Constant(of, number)

        shifted = builder.fadd(arguments[1], constant_like(_SHIFT, arguments[1].type))
        exponent = builder.shl(builder.bitcast(shifted, whole), constant_like(52, whole))
        return builder.bitcast(builder.add(builder.bitcast(arguments[0], whole), exponent), arguments[0].type)

    return kind(value, power), emit


def aligned(*shape: int) -> np.ndarray:
    """A float64 array of zeros that begins at a multiple of 64 bytes: a vector then lies in one line of the cache."""
    count = math.prod(shape)
    buffer = np.zeros(count + 8)
    begin = (-buffer.ctypes.data % 64) // 8
    return buffer[begin : begin + count].reshape(shape)
