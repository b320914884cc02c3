// Everything of a fused MoE step but the tuned GEMMs, and what checks them.
#include "activation.cuh"
#include "alignment.cuh"
#include "random.cuh"
#include "reference.cuh"
#include "routing.cuh"
