def two(a, b):
    s = a + b
    return s, a*b

u, v = two(x, y)
f = u*v
