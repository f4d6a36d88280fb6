//! What an amount brings, and how to divide a total: in reading order `carry` how an effect lasts into later periods · `curve`
//! how it saturates · `fit` both learned from a past, with all that is not known about them · `trial` how far that can be trusted · `split` the best division
//! of a total under bounds, on a `table` of each gain · `futures` what divisions do in many possible futures.

pub mod carry;
pub mod curve;
pub mod fit;
pub mod futures;
mod sampler;
pub mod split;
mod table;
pub mod trial;
