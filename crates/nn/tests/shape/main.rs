//! Networks of encoders, memory and trunk. One program for all: each program compiles the kernels again.

mod gradients;
mod laws;
mod networks;
mod references;
