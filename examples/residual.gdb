# Where do the two contributions to h come from? Stop when the gradient of h grows.
watch accumulated(h)
continue
continue
path h
reverse-continue
set W = 0*W
continue
quit
