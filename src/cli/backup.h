/*
 * The copy of a keeper's directory while the keeper works in it: first the database as it was at one moment, then the
 * files that its records speak of. Files only grow, or go when their job is over, so what is copied later fits too.
 */
#pragma once

#include <stdint.h>

struct error;
struct job_record;

struct backup {
    int from_fd, to_fd;                   /* the two directories */
    const char *from_db, *to_db;          /* the databases in them, as SQLite can find them */
    uint64_t jobs, outputs, output_bytes; /* copied */
};

/* backup.c. A failure leaves an unfinished copy, which has no database of its right name. */
int backup_run(struct backup *backup, struct error *err);

/* backup_files.c: both return 1, or 0 when the keeper has removed the files meanwhile. */
int backup_input(struct backup *backup, const struct job_record *record, struct error *err);
int backup_output(struct backup *backup, const struct job_record *record, struct error *err);

/*
 * backup_view.c: for a root, who becomes the keeper's account in a file system that has nothing but the two directories;
 * fills backup->from_db and to_db. For another user they are below the given paths.
 */
struct backup_place {
    const char *from_path, *to_path; /* of the state directories */
    uint32_t uid, gid;               /* the keeper's */
};
int backup_enter(struct backup *backup, const struct backup_place *place, struct error *err);
