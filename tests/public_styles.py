"""Small networks in the style of public ones, written for these tests: what pruning and ``inspect`` meet outside."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SuperResolution(nn.Module):
    """EDSR-like: residual blocks, a long skip, and two convolutions that a PixelShuffle reads."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 16, 3, padding=1)
        self.block = nn.Sequential(
            nn.Conv2d(16, 24, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(24, 16, 3, padding=1)
        )
        self.widen = nn.Conv2d(16, 64, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)
        self.tail = nn.Conv2d(16, 12, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.head(x)
        y = y + self.block(y)
        return F.pixel_shuffle(self.tail(self.shuffle(self.widen(y))), 2)


class SmallUNet(nn.Module):
    """U-Net: BatchNorm, a transposed convolution up, concatenations, one of them with the picture itself."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.1))
        self.down = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.join = nn.Conv2d(32 + 3, 16, 3, padding=1)
        self.leave = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.enter(x)
        deep = self.up(self.down(seen))
        return torch.sigmoid(self.leave(F.relu(self.join(torch.cat([seen, x, deep], dim=1)))))


class Unshuffled(nn.Module):
    """Works on a picture folded by PixelUnshuffle, and folds its own features once more; PReLU for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(12, 8, 3, padding=1)
        self.act = nn.PReLU(8)
        self.deep = nn.Conv2d(32, 32, 1)
        self.leave = nn.Conv2d(32, 48, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.enter(F.pixel_unshuffle(x, 2)))
        return x + F.pixel_shuffle(self.leave(F.relu(self.deep(F.pixel_unshuffle(y, 2)))), 4)


class Gated(nn.Module):
    """NAFNet-like: depthwise, a gate by halves, squeeze and excite, a learned scale for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.wide = nn.Conv2d(16, 32, 1)
        self.depthwise = nn.Conv2d(32, 32, 3, padding=1, groups=32)
        self.squeeze = nn.Conv2d(16, 16, 1)
        self.narrow = nn.Conv2d(16, 16, 1)
        self.scale = nn.Parameter(torch.full((1, 16, 1, 1), 0.5))
        self.leave = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.enter(x)
        one, other = self.depthwise(self.wide(y)).chunk(2, dim=1)
        gate = one * other
        gate = gate * self.squeeze(gate.mean((2, 3), keepdim=True))
        return self.leave(y + self.narrow(gate) * self.scale) + x


class Grouped(nn.Module):
    """A grouped convolution between plain ones, and a map of one channel that all others are multiplied by."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.grouped = nn.Conv2d(16, 32, 3, padding=1, groups=4)
        self.attention = nn.Conv2d(32, 1, 1)
        self.leave = nn.Conv2d(32, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.grouped(F.relu(self.enter(x))))
        return self.leave(y * torch.sigmoid(self.attention(y)))


class CurveEstimator(nn.Module):
    """Zero-DCE-like: one block called eight times, PReLU, skips by concatenation, a curve applied eight times."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.Conv2d(16, 16, 3, padding=1)
        self.act = nn.PReLU()
        self.leave = nn.Conv2d(32, 3, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = y = self.act(self.enter(x))
        for _ in range(8):
            y = self.act(self.body(y))
        curve = torch.tanh(self.leave(torch.cat([first, y], dim=1)))
        for _ in range(8):
            x = x + curve * (x * x - x)
        return x, curve


class Tied(nn.Module):
    """Two layers with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 1)
        self.one = nn.Conv2d(16, 16, 3, padding=1)
        self.two = nn.Conv2d(16, 16, 3, padding=1)
        self.two.weight = self.one.weight
        self.free = nn.Conv2d(16, 16, 3, padding=1)
        self.leave = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(F.relu(self.free(F.relu(self.two(F.relu(self.one(self.enter(x))))))))


class Transformer(nn.Module):
    """Patches, attention over them by hand with two heads, LayerNorm, a hidden layer behind; back by PixelShuffle."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, stride=8)
        self.before = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.between = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, 32)
        self.back = nn.Linear(32, width)
        self.leave = nn.Conv2d(width, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        grid = self.patches(x)
        n, c, h, w = grid.shape
        y = grid.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.before(y)).view(n, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        seen = torch.softmax(q @ k.transpose(-1, -2), dim=-1) @ v
        y = y + self.out(seen.transpose(1, 2).reshape(n, h * w, c))
        y = y + self.back(F.gelu(self.hidden(self.between(y))))
        return x + F.pixel_shuffle(self.leave(y.transpose(1, 2).reshape(n, c, h, w)), 8)


class Decomposition(nn.Module):
    """Reflectance and illumination as a tuple; three channels that are inside, and free, beside three that are not."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 16, 3, padding=1)
        self.inner = nn.Conv2d(16, 12, 3, padding=1)
        self.reflectance = nn.Conv2d(12, 3, 1)
        self.illumination = nn.Conv2d(12, 1, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = F.relu(self.inner(F.relu(self.enter(x))))
        return torch.sigmoid(self.reflectance(y)), torch.sigmoid(self.illumination(y))


class ResidualDense(nn.Module):
    """RDN-like: two blocks whose layers read all before them, fused by 1x1, and a skip over the whole."""

    def __init__(self, width: int = 16, growth: int = 12) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.ModuleList(nn.Conv2d(width + growth * before, growth, 3, padding=1) for before in range(3))
            for _ in range(2)
        )
        self.fuse = nn.ModuleList(nn.Conv2d(width + 3 * growth, width, 1) for _ in range(2))
        self.leave = nn.Conv2d(2 * width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y, given = self.enter(x), []
        for layers, fuse in zip(self.blocks, self.fuse, strict=True):
            dense = [y]
            for layer in layers:  # type: ignore[attr-defined]
                dense.append(F.relu(layer(torch.cat(dense, dim=1))))
            y = y + fuse(torch.cat(dense, dim=1))
            given.append(y)
        return x + self.leave(torch.cat(given, dim=1))


class ByBrightness(nn.Module):
    """Takes another path for dark pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.leave = nn.Conv2d(16, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.one(x) if x.mean() > 0.3 else self.two(x)
        return self.leave(self.norm(y))


class FewParameters(nn.Module):
    """58 parameters: a gain for the whole picture, depthwise, two mixes of colours, PReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.near = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.act = nn.PReLU(3)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain + self.two(self.act(self.one(self.near(x))))


class ThroughNumpy(nn.Module):
    """Finds the picture's brightness outside of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        brightness = torch.from_numpy(x.detach().numpy().mean(axis=(2, 3), keepdims=True))
        return self.leave(x) / (brightness + 0.1)


class Noisy(nn.Module):
    """Adds noise of its own, in eval mode as well."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(x) + torch.rand_like(x)


class InPlace(nn.Module):
    """Changes the picture that it is given, and talks."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        print("hello")
        return self.leave(x.mul_(2.0).clamp_(0.0, 1.0))


class TwiceTheSize(nn.Module):
    """Super-resolution by two, of sides that are even: it halves them on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 8, 2, stride=2)
        self.leave = nn.Conv2d(8, 48, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.leave(F.relu(self.down(x))), 4)
