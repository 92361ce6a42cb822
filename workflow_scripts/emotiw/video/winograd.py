r"""Convolutions by small filters with fewer multiplications: Winograd's minimal filtering (Lavin and Gray, CVPR 2016).

A tile of :math:`m \times m` outputs of a filter :math:`g` of :math:`r \times r` depends on a tile :math:`d` of
:math:`n \times n` inputs, with :math:`n = m + r - 1`:

.. math::
    Y = A \left[ (G g G^\top) \odot (B d B^\top) \right] A^\top

The product in brackets is element by element, so a tile takes :math:`n^2` multiplications for each pair of channels
instead of :math:`m^2 r^2`, and the sum over channels is a matrix product at each of the :math:`n^2` places.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

# Side of a tile of outputs, by the side of the filter: the fastest of `benchmarks/cnn.py` whose rounding error stays
# below 1e-5 of the largest value (7 x 7 outputs of a 3 x 3 filter are faster, and have an error of 1e-4)
OUTPUTS = {3: 5, 5: 4}
POINTS = np.array([0, 1, -1, 1 / 2, -1 / 2, 2, -2, 3 / 2])  # where the polynomials are evaluated
AT_ONCE = 1 << 24  # bytes of transformed maps at a time; more leave the cache of the processor


def transforms(m: int, r: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Matrices A (m, n), G (n, r) and B (n, n) of `m` outputs of a filter of `r` values, by Cook and Toom's method.

    Rows of G and of B are scaled by inverse powers of two so that they have about the same size.
    """
    n = m + r - 1
    points = POINTS[: n - 1]
    others = [np.delete(points, i) for i in range(n - 1)]
    a, g, b = np.zeros((m, n)), np.zeros((n, r)), np.zeros((n, n))
    a[:, :-1] = points ** np.arange(m)[:, None]
    g[:-1] = points[:, None] ** np.arange(r)
    g[:-1] /= np.array([np.prod(point - other) for point, other in zip(points, others, strict=True)])[:, None]
    a[-1, -1] = g[-1, -1] = 1  # the point at infinity
    b[:-1, :-1] = [np.polynomial.polynomial.polyfromroots(other) for other in others]
    b[-1] = np.polynomial.polynomial.polyfromroots(points)
    scale = 2.0 ** np.round(np.log2(np.abs(g).sum(axis=1) / np.abs(b).sum(axis=1)) / 2)
    return a, g / scale[:, None], b * scale[:, None]


class WinogradConv2d(nn.Module):
    """A convolution of stride 1 with the weights of `convolution`, for inference.

    Parameters
    ----------
    convolution : Conv2d
        Its filters are square, of a side in `OUTPUTS`, and it pads with zeros, alike on all sides.
    """

    filters: Tensor
    of_inputs: Tensor
    of_products: Tensor
    bias: Tensor

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight = convolution.weight.detach()  # (maps out, maps in of a group, r, r)
        self.r, self.groups, self.padding = weight.shape[2], convolution.groups, int(convolution.padding[0])
        self.m = OUTPUTS[self.r]
        a, g, b = (torch.from_numpy(matrix) for matrix in transforms(self.m, self.r))
        grouped = weight.reshape(self.groups, -1, weight.shape[1], self.r**2)
        by_place = grouped.permute(3, 0, 2, 1)  # (r * r, groups, in, out)
        filters = (torch.kron(g, g).float() @ by_place.flatten(1)).view(-1, *by_place.shape[2:])
        self.register_buffer("filters", filters, persistent=False)  # (n * n * groups, in, out)
        self.register_buffer("of_inputs", torch.kron(b, b).float(), persistent=False)
        self.register_buffer("of_products", torch.kron(a, a).float(), persistent=False)
        bias = torch.zeros(len(weight)) if convolution.bias is None else convolution.bias.detach()
        self.register_buffer("bias", bias, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Convolve `maps`, (batch, maps in, height, width); the result is in channels_last."""
        n_tiles = _tiles(maps.shape[2], self) * _tiles(maps.shape[3], self)
        n_values = n_tiles * len(self.of_inputs) * (maps.shape[1] + len(self.bias))
        n_parts = max(1, -(-4 * n_values * len(maps) // AT_ONCE))
        return torch.cat([self._convolved(part) for part in maps.chunk(n_parts)])

    def _convolved(self, maps: Tensor) -> Tensor:
        m, r = self.m, self.r
        batch, _, height, width = maps.shape
        rows, columns = _tiles(height, self), _tiles(width, self)
        tiles = _overlapping(maps, self.padding, (rows, columns), m, m + r - 1)  # (n, n, batch, rows, columns, in)
        places, depth = len(self.of_inputs), self.filters.shape[1]
        inputs = (self.of_inputs @ tiles.reshape(places, -1)).view(places, -1, self.groups, depth)
        products = torch.bmm(inputs.transpose(1, 2).flatten(0, 1), self.filters)  # (n * n * groups, tiles, out)
        joined = products.view(places, self.groups, *products.shape[1:]).transpose(1, 2)
        outputs = (self.of_products @ joined.reshape(places, -1)).view(m, m, batch, rows, columns, -1)
        whole = outputs.permute(2, 3, 0, 4, 1, 5).reshape(batch, m * rows, m * columns, -1)
        edge = 2 * self.padding - r + 1
        convolved: Tensor = whole[:, : height + edge, : width + edge] + self.bias
        return convolved.permute(0, 3, 1, 2)


def with_fewer_multiplications(model: nn.Module) -> nn.Module:
    """Replace every convolution of the network that `WinogradConv2d` can compute; the network itself is changed."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and _fits(child):
                setattr(module, name, WinogradConv2d(child))
    return model


def _fits(convolution: nn.Conv2d) -> bool:
    height, width = convolution.kernel_size
    plain = convolution.stride == (1, 1) and convolution.dilation == (1, 1) and convolution.padding_mode == "zeros"
    return height == width and height in OUTPUTS and plain and len(set(convolution.padding)) == 1


def _tiles(side: int, layer: WinogradConv2d) -> int:
    """Tiles along a side of the maps."""
    return -(-(side + 2 * layer.padding - layer.r + 1) // layer.m)


def _overlapping(maps: Tensor, padding: int, counts: tuple[int, int], step: int, side: int) -> Tensor:
    """Tiles of `side` px that begin every `step` px, (side, side, batch, rows, columns, maps), a view of a copy."""
    batch, channels, height, width = maps.shape
    rows, columns = counts
    padded = maps.new_zeros((batch, (rows - 1) * step + side, (columns - 1) * step + side, channels))
    padded[:, padding : padding + height, padding : padding + width] = maps.permute(0, 2, 3, 1)
    image, row, column, channel = padded.stride()
    shape = (side, side, batch, rows, columns, channels)
    return padded.as_strided(shape, (row, column, image, step * row, step * column, channel))
