//! Numbers at random for tests: xorshift64 (Marsaglia 2003), the same at every call.

pub fn draws() -> impl FnMut() -> u64 {
    let mut state = 88_172_645_463_325_252_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}
