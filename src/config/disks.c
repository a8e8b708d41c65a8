#include "disks.h"

#include "paths.h"
#include "reading.h"
#include "sallyport/base/text.h"

bool disk_is_name(const char *name)
{
    return path_fault(name) == NULL;
}

void *disk_open(struct reading *reading, const char *name)
{
    struct command *command = reading->command;
    struct disk_limit *disk = grow(reading, &command->disks, command->disk_count, sizeof *disk);
    if (disk == NULL)
        return NULL;
    command->disk_count++;
    text_copy(disk->path, sizeof disk->path, name);
    reading->faults_before = reading->report->fault_count;
    return disk;
}

void disk_close(struct reading *reading)
{
    const struct disk_limit *disk = &reading->command->disks[reading->command->disk_count - 1];
    bool limits = (disk->read_bytes | disk->write_bytes | disk->reads | disk->writes) != 0;
    if (!limits && reading->report->fault_count == reading->faults_before)
        fault_at_key(reading, "limits nothing; write {read: 20MiB, write: 5MiB}, or one of them");
}
