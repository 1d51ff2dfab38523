//! What a host promises, seen from outside: inputs in, actions out, as lines of text.

mod asks;
mod errand;
mod gate;
mod life;
mod repeats;
mod rig;
mod wakes;
