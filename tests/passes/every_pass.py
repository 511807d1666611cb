"""All passes, in an order that makes sense."""

from cnnc.compiler.passes.base import Pass
from cnnc.compiler.passes.drop_dead_nodes import DropDeadNodes
from cnnc.compiler.passes.drop_identities import DropIdentities
from cnnc.compiler.passes.fold_batchnorm import FoldBatchnorm
from cnnc.compiler.passes.fold_constants import FoldConstants
from cnnc.compiler.passes.fuse_epilogues import FuseEpilogues
from cnnc.compiler.passes.fuse_siblings import FuseSiblings
from cnnc.compiler.passes.merge_pads import MergePads
from cnnc.compiler.passes.share_subexpressions import ShareSubexpressions

PASSES: list[Pass] = [
    DropIdentities(),
    FoldConstants(),
    ShareSubexpressions(),
    MergePads(),
    FoldBatchnorm(),
    FuseSiblings(),
    DropDeadNodes(),
    FuseEpilogues(),
]
