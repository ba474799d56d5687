"""How far two computations of a number may lie apart, whatever the processor, the version of torch and the threads.

Every machine takes sums of products in another order, with or without fused multiplications. A test therefore does one
of these: it counts in whole numbers or powers of two, which no order rounds; it counts in float64 and asks for
`DOUBLE`; it asks float32 for `rounding`; or it states something whose measured margin is wide, and says how wide.
"""

import torch
from torch import nn

# Of the largest value, in float64: 450,000 units of rounding. The longest way here, once through VGG-19, sums 45,000
# products one after the other; there and back it is twice that.
DOUBLE = 1e-10


def rounding(net, last=None):
    """Largest difference by rounding between two passes up to the layer `last`, as a share of the largest value there.

    A sum of n products is off by at most n·u, u the unit of rounding, times the sum of their sizes, in whatever order
    it is taken (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 3.1); two of them, by 2 n u. In
    truth errors grow like √n (Higham & Mary 2019, doi:10.1137/18M1226312), and the √n that is left over pays for the
    cancelling of the products: their sum is about √n times smaller than the sum of their sizes. ReLU and pooling
    enlarge
    no difference, so those of the layers add up.
    """
    terms = 0
    for name, module in net.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            terms += module.weight[0].numel() + 1
        if name == last:
            break
    return terms * torch.finfo(next(net.parameters()).dtype).eps
