/* The words that keys of the configuration take: each function gives the word with this index, NULL behind the last. */
#pragma once

const char *word_sync(unsigned index);
const char *word_profile(unsigned index);
const char *word_network(unsigned index);
const char *word_when_full(unsigned index);
const char *word_degrade(unsigned index);
const char *word_mode(unsigned index);
const char *word_stdin(unsigned index);
const char *word_record(unsigned index);
const char *word_missed(unsigned index); /* at the index of enum missed_policy */
const char *word_when_busy(unsigned index);
const char *word_method(unsigned index);   /* bit of enum route_method */
const char *word_response(unsigned index); /* at the index of enum route_response */
const char *word_on_disconnect(unsigned index);
const char *word_hook_preset(unsigned index); /* at the index of hook_scheme_at() */
const char *word_hook_algorithm(unsigned index);
const char *word_hook_encoding(unsigned index);
const char *word_signal(unsigned index);
const char *word_param_type(unsigned index); /* at the index of enum param_type; PARAM_NONE has none */
const char *word_item_type(unsigned index);  /* the same for a list's items: neither list nor secret */

#if SALLYPORT_TEST_SWITCHES
const char *word_layer(unsigned index); /* bit of enum cell_layer: what a test may leave out */
#endif
