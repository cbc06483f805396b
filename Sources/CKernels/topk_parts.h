// What topk.c and topk_scan.c share.
#pragma once
#include "include/topk.h"

/// <q, centre> in the bounds' scale, and what it may be off, with that of all bounds.
void hs_topk_shift(const hs_topk_query *query, const hs_topk_chunk *chunk, float *shift, float *slack);
/// Room for so many rows, and one vector store beyond. False when out of memory.
int hs_topk_reserve(hs_topk_collector *collector, long capacity);
/// Raises the threshold to what the k best lower bounds allow, and drops rows that do not reach it.
void hs_topk_compact(hs_topk_collector *collector, const hs_topk_query *query);
