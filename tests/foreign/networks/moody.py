"""BatchNorm, and as many steps as the picture is dark: can't be traced. A residual, in -1..1."""

from torch import Tensor, nn


class Moody(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.step = nn.Conv2d(8, 8, 3, padding=1)
        self.leave = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        seen = self.norm(self.enter(x)).relu()
        for _ in range(1 + int(x.mean().item() < -0.5)):
            seen = seen + self.step(seen).relu()
        y: Tensor = self.leave(seen) * 0.1
        return y
