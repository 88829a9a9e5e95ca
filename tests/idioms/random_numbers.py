"""Seeds repeat what is drawn. The numbers are each library's own; shapes, dtypes and ranges are not."""

import minigrad as T
from minigrad import nn

T.manual_seed(42)
first = T.randn(3, 4)
T.manual_seed(42)
second = T.randn(3, 4)
third = T.randn(3, 4)
repeats = (first == second).all().item(), (first == third).all().item()

uniform = T.rand(1000)
inside = ((uniform >= 0) & (uniform < 1)).all().item(), abs(uniform.mean().item() - 0.5) < 0.05
integers = T.randint(0, 6, (500,))
dice = integers.dtype, integers.shape, integers.min().item(), integers.max().item(), T.randint(3, (2, 2)).shape
batch = T.arange(10)[T.randint(0, 10, (4,))].shape
normal = T.randn(4000)
moments = abs(normal.mean().item()) < 0.1, abs(normal.std().item() - 1) < 0.1
like = T.randn((2, 3)).shape, T.rand(2, 3).dtype, T.randn(2, requires_grad=True).requires_grad

layer = nn.Linear(100, 50)
bound = layer.weight.abs().max().item() <= 0.1, layer.bias.abs().max().item() <= 0.1
nn.init.xavier_uniform_(layer.weight)
xavier = layer.weight.abs().max().item() <= (6 / 150) ** 0.5
nn.init.kaiming_normal_(layer.weight)
kaiming = abs(layer.weight.std().item() - (2 / 100) ** 0.5) < 0.01
nn.init.normal_(layer.weight, 0.0, 0.01)
nn.init.uniform_(layer.bias, -1, 1)
spread = abs(layer.weight.std().item() - 0.01) < 0.001, layer.bias.min().item() < -0.5
T.manual_seed(7)
a = nn.Linear(3, 2).weight
T.manual_seed(7)
b = nn.Linear(3, 2).weight
equal = (a == b).all().item()
del first, second, third, uniform, integers, normal, layer, a, b
assert repeats == (True, False) and equal
