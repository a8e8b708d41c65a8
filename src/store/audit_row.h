/* What makes an entry of the audit trail whole: for audit.c, which writes them, and audit_read.c. */
#pragma once

#include "sallyport/store/store.h"

/* The head that this row must have: of row->previous and all that it says. */
int audit_row_head(const struct audit_row *row, uint8_t ret_head[HASH_BYTES], struct error *err);
