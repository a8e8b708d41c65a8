/*
 * What a job leaves behind as files, on its way from the collector of a cell to the keeper. One stream, of frames:
 *
 *   FILE, and behind it the bytes of one file      or      REJECTED, a match that is not taken      and at last END
 *
 * A frame is u32 type, u32 length, and a record of base/record.h. A stream that ends without END was cut: what is whole in
 * it is whole. The keeper stores the stream as it comes, and reads it as the bytes of a stranger: it is made by a process
 * with the job's id.
 *
 * The reader has no I/O and no memory of its own: it is given the stream in pieces of any size, and says the same of it
 * however it was cut.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/base/record.h"

#define ARTIFACT_COUNT_MAX      100 /* files of one job */
#define ARTIFACT_REJECTED_MAX   100 /* rejections that are listed; what is beyond is counted */
#define ARTIFACT_GLOB_COUNT_MAX 32
#define ARTIFACT_NAME_MAX_BYTES                                                                                        \
    320 /* and a NUL among them; a URL with all of it escaped is a path that the API reads */
#define ARTIFACT_FRAME_MAX_BYTES (8 + 64 + ARTIFACT_NAME_MAX_BYTES)
/* What a stream has at most beside the bytes of its files. */
#define ARTIFACT_FRAMES_MAX_BYTES                                                                                      \
    ((uint64_t)(ARTIFACT_COUNT_MAX + ARTIFACT_REJECTED_MAX + 1) * ARTIFACT_FRAME_MAX_BYTES)

enum artifact_frame {
    ARTIFACT_FRAME_NONE,
    ARTIFACT_FRAME_FILE,
    ARTIFACT_FRAME_REJECTED,
    ARTIFACT_FRAME_END,
    ARTIFACT_FRAME_COUNT
};

/* Why a match is not taken. */
enum artifact_why {
    ARTIFACT_WHY_NONE,
    ARTIFACT_WHY_LINK,       /* a symbolic link, or behind one */
    ARTIFACT_WHY_KIND,       /* a directory, FIFO, socket or device */
    ARTIFACT_WHY_HARD_LINK,  /* a file with more than one name */
    ARTIFACT_WHY_NAME,       /* no UTF-8, a control character, a backslash, or too long */
    ARTIFACT_WHY_SIZE,       /* more than artifacts_max leaves */
    ARTIFACT_WHY_COUNT,      /* more than ARTIFACT_COUNT_MAX files */
    ARTIFACT_WHY_UNREADABLE, /* the job itself may not read it */
    ARTIFACT_WHY_MAX
};

/* How a collection ended. The collector says the first ones, the keeper what it did not hear. */
enum artifact_outcome {
    ARTIFACT_OUTCOME_NONE,
    ARTIFACT_COMPLETE,
    ARTIFACT_UNLISTED,  /* more was rejected than is listed */
    ARTIFACT_ENTRIES,   /* there was more to look at than it looks at */
    ARTIFACT_NO_ACCESS, /* the directory itself cannot be read */
    ARTIFACT_CUT,       /* the stream has no end: the collector was ended, or ended itself */
    ARTIFACT_BROKEN,    /* the stream is none */
    ARTIFACT_LOST,      /* the stream could not be kept */
    ARTIFACT_OUTCOME_MAX
};

struct artifact_file { /* so many bytes follow */
    struct span name;  /* a path below the working directory */
    uint64_t bytes;
};

struct artifact_rejected {
    struct span name; /* any bytes; cut, if it is too long */
    uint8_t why;      /* enum artifact_why */
};

struct artifact_end {
    uint8_t outcome;   /* enum artifact_outcome, up to ARTIFACT_NO_ACCESS */
    uint32_t unlisted; /* rejections that were not told */
};

/* Packs one frame. Its size, or 0 when the body breaks a bound. */
size_t artifact_frame_pack(enum artifact_frame type, const void *body, uint8_t ret_bytes[ARTIFACT_FRAME_MAX_BYTES]);

/* UTF-8 without control characters and backslashes, as components that can be components of a URL. */
bool artifact_name_is_good(const void *name, size_t size);

/* Any name as text: what could not be a good one's is written as \xNN. Cut before what does not fit. */
void artifact_name_show(const void *name, size_t size, char *to, size_t room);

/* "symlink", "not-a-file"; and a sentence. */
const char *artifact_why_text(unsigned why);
const char *artifact_outcome_text(unsigned outcome);

/* --- reading ------------------------------------------------------------------------------------------------------ */

enum artifact_news {
    ARTIFACT_NEWS_NONE,     /* all that was given is read */
    ARTIFACT_NEWS_FILE,     /* a file begins; its bytes are the next news, unless it has none */
    ARTIFACT_NEWS_BYTES,    /* some of them, as a view */
    ARTIFACT_NEWS_FILE_END, /* it is whole */
    ARTIFACT_NEWS_REJECTED,
    ARTIFACT_NEWS_END,   /* and nothing may follow */
    ARTIFACT_NEWS_BROKEN /* for good */
};

struct artifact_scan {
    uint8_t frame[ARTIFACT_FRAME_MAX_BYTES]; /* as far as it has come */
    size_t gathered;
    uint64_t at;   /* of the stream: bytes that were read */
    uint64_t left; /* of the file under way */
    bool is_in_file, has_ended, is_broken;
    uint32_t file_count, rejected_count;
};

/* Views last until the next call. */
struct artifact_event {
    union {
        struct artifact_file file;
        struct artifact_rejected rejected;
        struct artifact_end end;
        struct span bytes;
    };
    uint64_t at; /* of the stream, behind what this event is made of: where a file's bytes begin */
};

/* Takes the next news off `in`. Start with a zeroed scan. */
enum artifact_news artifact_scan_next(struct artifact_scan *scan, struct reader *in, struct artifact_event *ret_event);
