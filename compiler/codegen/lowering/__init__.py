"""From nodes to steps: one function for each algorithm that a schedule can choose."""

from __future__ import annotations

from ...schedule.schedule import POOLED
from ..planner import Lowering
from .conv import lower_depthwise, lower_direct, lower_dot, lower_gather, lower_tapwise
from .dense import lower_dense
from .elementwise import lower_image, lower_map
from .loss import lower_cross_entropy, lower_mse
from .move import lower_cut, lower_join, lower_move
from .norm import lower_lrn, lower_normalize, lower_softmax
from .pool import lower_pool
from .reduce import lower_reduce
from .resize import lower_resize
from .shape import lower_concat, lower_reshape, lower_slice
from .transposed import lower_transposed
from .winograd import lower_winograd

LOWERINGS: dict[str, Lowering] = {
    "direct": lower_direct,
    "tapwise": lower_tapwise,
    "dot": lower_dot,
    "winograd2": lower_winograd,
    "winograd3": lower_winograd,
    "winograd4": lower_winograd,
    "winograd6": lower_winograd,
    "winograd5of4": lower_winograd,
    "winograd4of5": lower_winograd,
    "winograd2stride2": lower_winograd,
    "winograd4stride2": lower_winograd,
    "grouped": lower_depthwise,
    "gather": lower_gather,
    "depthwise": lower_depthwise,
    "dense": lower_dense,
    "image": lower_image,
    "map": lower_map,
    "pool": lower_pool,
    POOLED: lambda planner, region: None,  # is done
    "softmax": lower_softmax,
    "lrn": lower_lrn,
    "normalize": lower_normalize,
    "reduce": lower_reduce,
    "resize": lower_resize,
    "transposed": lower_transposed,
    "transposed gather": lower_transposed,
    "move": lower_move,
    "join": lower_join,
    "cut": lower_cut,
    "reshape": lower_reshape,
    "concat": lower_concat,
    "slice": lower_slice,
    "mse": lower_mse,
    "cross_entropy": lower_cross_entropy,
}
