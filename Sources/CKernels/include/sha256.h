// SHA-256's compression function (FIPS 180-4, 6.2.2) over whole blocks of 64 bytes.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Folds `blocks` blocks into `state`, with the processor's SHA instructions where it has them.
void hs_sha256_blocks(uint32_t state[8], const uint8_t *bytes, size_t blocks);
/// The same, written out: what the other is tested against, and what runs where there are no such instructions.
void hs_sha256_blocks_scalar(uint32_t state[8], const uint8_t *bytes, size_t blocks);
