#!/usr/bin/python3
"""Ordinary programs, and what each needs to work as a job: the table of test_programs.py and of docs/policies.md.

    tests/service/programs.py       prints the table as it stands in docs/policies.md

A row has a script for bash and its exact standard output; it says nothing else. Its profile is the lowest of `base`, `net` and `build` under which
the script works; a row above `base` also says what it comes to under the next lower one, `short` of what it needs.
"""

from typing import NamedTuple

PROFILES = ("base", "net", "build")


class Short(NamedTuple):
    """The same job under the next lower profile: `why` is for people, `says` is in its output or its end's message."""
    why: str
    says: str


class Program(NamedTuple):
    name: str
    package: str            # Debian's
    profile: str
    script: str
    output: str             # {port} is that of the loopback server, in the script as well
    programs: tuple = ()    # in PATH; the row's name when there are none
    read: tuple = ()        # of /etc, which jobs do not see as a whole
    warns: str = ""         # the one line that it may say on standard error, where nothing else is to be
    network: str = "none"
    builds: str = ""        # a program in the job's /tmp that a second job runs, and which must say `hello`
    short: Short = None

    def commands_used(self):
        return self.programs or (self.name,)

    def lower_profile(self):
        return PROFILES[PROFILES.index(self.profile) - 1]


BASH = r"""
set -o pipefail
printf '%s\n' pear apple fig apple | sort | uniq -c | while read -r count name; do echo "$name=$count"; done | paste -sd,
false | true || echo "pipefail $?"
mapfile -t lines < <(seq 3); echo "${#lines[@]} ${lines[2]}"
declare -A map=([a]=1 [b]=2); echo $((map[a] + map[b])) "${lines[@]:1}"
cat <<<"here" | tr a-z A-Z
(trap 'echo terminated; exit 0' TERM; kill -TERM $BASHPID; sleep 5)
sleep 0.1 & wait $! && echo waited
coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
[[ 2026-11 =~ ^([0-9]+)-([0-9]+)$ ]] && echo "${BASH_REMATCH[2]}"
"""

COREUTILS = r"""
mkdir -p a/b && cd a && seq 1 100 >numbers && cp numbers copy && ln -s copy link && ln copy hard && mv copy moved
head -n 2 numbers | tail -n 1; wc -l <numbers; cut -c1 numbers | sort -u | paste -sd ''; tac numbers | head -n 1
stat -c '%s %h' hard; readlink link; realpath moved; basename "$PWD"; dirname /x/y
chmod 640 moved && stat -c %a moved; touch -d @0 moved && date -u -r moved +%F; truncate -s 10 moved && du -b moved | cut -f1
md5sum </dev/null; sha256sum numbers | cut -c1-16; printf abc | base64; cksum </dev/null
split -n l/4 numbers part. && ls part.* | wc -l; join <(seq 1 3) <(seq 2 4) | paste -sd+; comm -12 <(seq 1 3) <(seq 2 4) | wc -l
expr 6 \* 7; factor 360; nproc | grep -c '^[0-9]'; numfmt --to=iec 1048576; seq -s, 1 2 7; shuf -i 5-5; od -An -tx1 <<<A
dd if=/dev/zero of=zeros bs=1k count=4 status=none && stat -c %s zeros; install -m 755 zeros b/installed && ls b; rmdir b 2>/dev/null || echo kept
echo x | tee t >/dev/null; tr x y <t; fold -w1 <<<ab | nl -ba | wc -l; env -i A=1 printenv A; test -L link && echo link; timeout 5 true; nice -n 5 nice
mkfifo fifo && (echo fifo >fifo &) && cat fifo; mktemp -u XXXX | wc -c; df -P . | wc -l; id -un; uname; sync t; unlink t; csplit -s numbers 50; cat xx00 | wc -l
find . -type f -size 0 | wc -l; find . -name 'part.*' -print0 | xargs -0 -n 1 -P 2 cat | wc -l; grep -c 7 numbers; sed -n '5{s/5/five/;p}' numbers; awk '{s+=$1} END {print s}' numbers
cd .. && rm -r a && ls -A
"""

COREUTILS_OUTPUT = """2
100
123456789
100
292 2
copy
/tmp/a/moved
a
/x
640
1970-01-01
10
d41d8cd98f00b204e9800998ecf8427e  -
93d4e5c77838e0aa
YWJj
4294967295 0
4
2+3
2
42
360: 2 2 2 3 3 5
1
1.0M
1,3,5,7
5
 41 0a
4096
installed
kept
y
2
1
link
5
fifo
5
2
job
Linux
49
0
100
19
five
5050
"""

PYTHON = r"""
cat >work.py <<'END'
import asyncio, concurrent.futures, ctypes, hashlib, multiprocessing, sqlite3, subprocess, sys, tempfile, threading


def square(number):
    return number * number


async def talk():
    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        writer.close()
    async with await asyncio.start_unix_server(answer, "socket"):
        reader, writer = await asyncio.open_unix_connection("socket")
        writer.write(b"asyncio\n")
        print((await reader.read()).decode(), end="")
        writer.close()
    child = await asyncio.create_subprocess_exec("echo", "child", stdout=subprocess.PIPE)
    print((await child.communicate())[0].decode(), end="")


if __name__ == "__main__":
    said = []
    threads = [threading.Thread(target=said.append, args=(number,)) for number in range(20)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    print("threads", sum(said))
    print("subprocess", subprocess.run(["sh", "-c", "cat; exit 3"], input=b"x", stdout=subprocess.PIPE, check=False))
    with multiprocessing.Pool(4) as pool:
        print("multiprocessing", pool.map(square, range(5)))
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        print("spawn", sum(pool.map(square, range(5))))
    asyncio.run(talk())
    print("ctypes", ctypes.CDLL(None).abs(-42))
    with tempfile.TemporaryFile() as file:
        file.write(b"x" * 1000)
        print("file", file.tell(), sqlite3.connect("db").execute("select 6 * 7").fetchone()[0])
END
python3 work.py
"""

PYTHON_OUTPUT = """threads 190
subprocess CompletedProcess(args=['sh', '-c', 'cat; exit 3'], returncode=3, stdout=b'x')
multiprocessing [0, 1, 4, 9, 16]
spawn 30
ASYNCIO
child
ctypes 42
file 1000 42
"""

CALLBACK = r"""
python3 -c '
import ctypes
pointer = ctypes.POINTER(ctypes.c_int)
numbers = (ctypes.c_int * 3)(3, 1, 2)
ctypes.CDLL(None).qsort(numbers, 3, 4, ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(lambda a, b: a[0] - b[0]))
print(list(numbers))'
"""

PERL = r"""
perl -MPOSIX -MIPC::Open3 -MStorable=dclone -MDigest::SHA=sha1_hex -MFile::Temp=tempfile -e '
    $pid = fork() // die; if (!$pid) { exec "true" } waitpid($pid, 0); print "fork $?\n";
    %h = (b => 2, a => 1); print join(",", map { "$_=$h{$_}" } sort keys %{dclone(\%h)}), "\n";
    ($file, $name) = tempfile(); print $file "line\n" x 3; close $file; open $in, "<", $name; @lines = <$in>; print scalar(@lines), "\n";
    $_ = "2026-11-29"; s/(\d+)-(\d+)-(\d+)/$3.$2.$1/; print "$_\n", `echo backquotes`, sha1_hex("x"), "\n";
    local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; pause;'
"""

GIT = r"""
export GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.org GIT_COMMITTER_NAME=Ann GIT_COMMITTER_EMAIL=ann@example.org
git init -q -b main origin && cd origin
for i in 1 2 3 4 5; do echo $i >file && git add file && git commit -q -m "change $i"; done
git branch side HEAD~2 && cd ..
git clone -q file:///tmp/origin copy && cd copy && git log --oneline | wc -l
git gc -q --prune=now && git count-objects -v | grep -E '^(count|packs):' && git fsck
git checkout -q side && echo side >other && git add other && git commit -q -m side && git rebase -q main && git log --format=%s | head -n 2
git fetch -q origin && git stash list; git status --short; git archive HEAD | tar t
"""

ARCHIVES = r"""
mkdir tree && seq 1 20000 >tree/numbers && ln -s numbers tree/link && chmod 750 tree/numbers
for kind in gzip xz; do
    tar -c --use-compress-program=$kind -f tree.$kind tree && mkdir $kind && tar -x -C $kind -f tree.$kind && diff -r tree $kind/tree &&
        stat -c "$kind %a" $kind/tree/numbers && $kind -t -q tree.$kind && [ "$(stat -c %s tree.$kind)" -lt 60000 ]
done
xz -T 2 -k tree/numbers && xz -dc tree/numbers.xz | cmp - tree/numbers
gzip -9 <tree/numbers | zcat | tail -n 1
"""

ZSTD = r"""
seq 20000 >numbers && zstd -q -T2 -19 --long numbers -o long.zst && zstd -t -q long.zst && zstd -dcq long.zst | wc -c
tar -c --zstd -f numbers.tar.zst numbers && tar -x --zstd -O -f numbers.tar.zst | cmp - numbers
"""

GCC = r"""
cat >hello.c <<'END'
#include <math.h>
#include <stdio.h>
int main(void) { return printf("hello\n") != 6 || sqrt(4.0) != 2.0; }
END
gcc -O2 -Wall -Wextra -Werror -pipe -c hello.c && gcc -flto=2 -g -o hello hello.c -lm && ar rc hello.a hello.o && nm hello.o | grep -c main
printf 'int broken(' | gcc -x c -fsyntax-only - 2>&1 | grep -c error:
"""

MAKE = r"""
cat >Makefile <<'END'
objects := $(patsubst %,part%.o,1 2 3 4)
program: main.c $(objects) ; @gcc -o $@ $^
part%.o: part%.c ; @gcc -c -o $@ $<
part%.c: ; @echo 'int part$*(void) { return $*; }' >$@
END
echo '#include <stdio.h>
int part1(void), part2(void), part3(void), part4(void);
int main(void) { puts(part1() + part2() + part3() + part4() == 10 ? "hello" : "wrong"); }' >main.c
make -s -j 4 && ls part*.o | wc -l && make -q && echo up to date
"""

CMAKE = r"""
mkdir source && cat >source/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.18)
project(hello C)
find_package(Threads REQUIRED)
add_library(words STATIC words.c)
add_executable(hello main.c)
target_link_libraries(hello words Threads::Threads)
install(TARGETS hello)
END
echo 'const char *words(void) { return "hello"; }' >source/words.c
echo '#include <stdio.h>
const char *words(void);
int main(void) { puts(words()); }' >source/main.c
cmake -S source -B build >log && cmake --build build -j 2 >>log && cmake --install build --prefix there >>log || cat log
cp there/bin/hello hello && grep -c 'Built target' log
"""

NODE = r"""
cat >work.js <<'END'
const { Worker, isMainThread, parentPort } = require("worker_threads");
const { execFileSync } = require("child_process"), crypto = require("crypto"), fs = require("fs"), zlib = require("zlib");
if (!isMainThread) {
    parentPort.postMessage("worker");
} else {
    let sum = 0;
    for (let i = 0; i < 3e6; i++) sum = (sum + i * 7) % 1000003;      // long enough for the optimizing compiler
    console.log("loop", sum, crypto.createHash("md5").update("").digest("hex").slice(0, 8));
    fs.writeFileSync("packed", zlib.gzipSync("text"));
    console.log(zlib.gunzipSync(fs.readFileSync("packed")).toString(), execFileSync("echo", ["child"]).toString().trim());
    const add = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    console.log(WebAssembly.Module.exports(add).length);
    new Worker(__filename).on("message", (said) => fs.promises.stat("packed").then((found) => console.log(said, found.size > 0)));
}
END
node work.js
"""

JAVA = r"""
cat >Hello.java <<'END'
import java.util.concurrent.*;
import java.util.stream.*;
public class Hello {
    public static void main(String[] words) throws Exception {
        long sum = 0;
        for (long i = 0; i < 20_000_000L; i++) sum = (sum + i * 7) % 1000003;       // long enough for both compilers
        ExecutorService threads = Executors.newFixedThreadPool(4);
        long found = threads.submit(() -> IntStream.range(0, 1000).parallel().filter(i -> i % 7 == 0).count()).get();
        threads.shutdown();
        Process child = new ProcessBuilder("echo", "child").start();
        System.out.println("hello " + sum + " " + found + " " + new String(child.getInputStream().readAllBytes()).trim());
        System.gc();
    }
}
END
javac Hello.java && java Hello
"""

SQLITE = r"""
sqlite3 base.db 'pragma journal_mode=wal; create table t (n integer primary key, word text); create index i on t (word);
    with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000) insert into t select n, hex(n) from c;
    begin; delete from t where n % 2; commit; select count(*), max(n) from t; vacuum; pragma integrity_check;'
for i in 1 2 3 4; do sqlite3 -cmd '.timeout 10000' base.db "insert into t (word) values ('beside $i')" & done; wait
sqlite3 -json base.db "select count(*) as beside from t where word like 'beside%'"; sqlite3 base.db .dump | grep -c '^INSERT'
"""

OPENSSL = r"""
openssl genrsa -out key.pem 2048 && openssl rsa -in key.pem -check -noout
printf abc | openssl dgst -sha256 -r
openssl req -x509 -newkey rsa:2048 -nodes -keyout own.pem -out own.crt -days 1 -subj /CN=example.org -addext subjectAltName=DNS:example.org 2>log || cat log
openssl verify -CAfile own.crt own.crt && openssl x509 -in own.crt -noout -subject -ext subjectAltName
printf secret | openssl enc -aes-256-cbc -pbkdf2 -pass pass:x | openssl enc -d -aes-256-cbc -pbkdf2 -pass pass:x; echo
printf text >text && openssl dgst -sha256 -sign key.pem -out text.sig text && openssl rsa -in key.pem -pubout -out public.pem 2>log &&
    openssl dgst -sha256 -verify public.pem -signature text.sig text
"""

OPENSSL_OUTPUT = """RSA key ok
ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad *stdin
own.crt: OK
subject=CN = example.org
X509v3 Subject Alternative Name: 
    DNS:example.org
secret
Verified OK
"""

CURL = r"""
curl -sS http://localhost:{port}/text && curl -sS -o got -w '%{http_code} %{size_download}\n' http://127.0.0.1:{port}/text && cat got
curl -sS -d sent http://127.0.0.1:{port}/echo; echo
curl -sS --fail http://127.0.0.1:{port}/missing 2>&1
curl -sS http://127.0.0.1:1/ 2>&1 | sed 's/after .* ms/at once/'
"""

CURL_OUTPUT = """text
200 5
text
sent
curl: (22) The requested URL returned error: 404
curl: (7) Failed to connect to 127.0.0.1 port 1 at once: Couldn't connect to server
"""

PSQL = r"""
psql --version | cut -d' ' -f1-2
psql -X -w -h 127.0.0.1 -p 1 -U nobody -c 'select 1' postgres 2>&1 | sed -n 1p; echo ${PIPESTATUS[0]}
"""

PSQL_OUTPUT = """psql (PostgreSQL)
psql: error: connection to server at "127.0.0.1", port 1 failed: Connection refused
2
"""

SSH = r"""
ssh -V 2>&1 | cut -d_ -f1
ssh-keygen -q -t ed25519 -N '' -C job -f key && ssh-keygen -l -f key.pub | cut -d' ' -f3,4 && stat -c %a key
echo text | ssh-keygen -q -Y sign -f key -n file >text.sig && echo "job $(cat key.pub)" >signers &&
    echo text | ssh-keygen -Y verify -f signers -I job -n file -s text.sig | cut -d' ' -f1-4
eval "$(ssh-agent -s)" >/dev/null && ssh-add -q key && ssh-add -l | cut -d' ' -f3 && ssh-agent -k >/dev/null
"""

JQ = r"""
echo '{"jobs": [{"id": 2, "tags": ["b"]}, {"id": 1, "tags": ["a", "c"]}]}' |
    jq -c '.jobs | sort_by(.id) | map({id, many: (.tags | length > 1)}), ("2026-11" | test("^[0-9]+-")), @base64 "\(1 + 2)"'
"""

FFMPEG = r"""
ffmpeg -nostdin -loglevel error -f lavfi -i testsrc=size=320x240:rate=25:duration=2 -f lavfi -i sine=frequency=440:duration=2 \
    -c:v libx264 -preset fast -pix_fmt yuv420p -c:a aac -threads 4 film.mp4
ffprobe -loglevel error -show_entries stream=codec_name,width -of csv=p=0 film.mp4
ffmpeg -nostdin -loglevel error -i film.mp4 -vf scale=160:-2 -frames:v 1 still.png && ffprobe -loglevel error -show_entries stream=width,height -of csv=p=0 still.png
"""

IMAGEMAGICK = r"""
convert -size 200x100 gradient:red-blue -rotate 90 -resize 50% -fill white -draw 'circle 20,20 25,25' picture.png
identify -format '%m %wx%h\n' picture.png
convert picture.png -quality 80 picture.jpg && convert picture.jpg picture.png +append -blur 0x2 both.gif && identify -format '%m %wx%h\n' both.gif
"""

RSYNC = r"""
mkdir -p from/deep && seq 1000 >from/deep/numbers && ln -s deep from/link && echo one >from/one && chmod 700 from/one
rsync -a from/ to && diff -r from to && stat -c %a to/one
echo two >from/two && rm from/one && rsync -a --delete --checksum --itemize-changes --omit-dir-times from/ to
rsync -a --inplace --exclude one --compress from/ third && ls third
"""

RUST = r"""
cat >hello.rs <<'END'
use std::{collections::HashMap, thread};
fn main() {
    let sums: Vec<u64> = (0..4).map(|part| thread::spawn(move || (0..100u64).map(|n| n * part).sum())).map(|t| t.join().unwrap()).collect();
    let words: HashMap<_, _> = sums.iter().map(|sum| (sum, "hello")).collect();
    println!("{}", words[&4950]);
}
END
rustc -O -C codegen-units=4 hello.rs && test -s hello && echo compiled
"""

JIT = "it compiles while it runs, into memory that is written and then executed"

PROGRAMS = (
    Program("bash", "bash", "base", BASH, "apple=2,fig=1,pear=1\npipefail 1\n3 3\n3 2 3\nHERE\nterminated\nwaited\nthrough\n11\n"),
    Program("coreutils", "coreutils", "base", COREUTILS, COREUTILS_OUTPUT, programs=("csplit", "numfmt", "find", "awk")),
    Program("python3", "python3", "base", PYTHON, PYTHON_OUTPUT),
    Program("python3 with ctypes callbacks", "python3", "build", CALLBACK, "[1, 2, 3]\n", programs=("python3",),
            short=Short("libffi writes a callback's entry and executes it", "MemoryError")),
    Program("perl", "perl", "base", PERL,
            "fork 0\na=1,b=2\n3\n29.11.2026\nbackquotes\n11f6ad8ec52a2984abaafd7c3b516503785c2072\nalarm\n"),
    Program("git", "git", "base", GIT, "5\ncount: 0\npacks: 1\nside\nchange 5\nfile\nother\n"),
    Program("tar, gzip, xz", "tar", "base", ARCHIVES, "gzip 750\nxz 750\n20000\n", programs=("tar", "gzip", "xz")),
    Program("gcc", "gcc", "base", GCC, "1\n1\n", builds="hello"),
    Program("make", "make", "base", MAKE, "4\nup to date\n", builds="program"),
    Program("cmake", "cmake", "base", CMAKE, "2\n", builds="hello"),
    Program("rustc", "rustc", "base", RUST, "compiled\n", builds="hello"),
    Program("node", "nodejs", "build", NODE, "loop 315 d41d8cd9\ntext child\n0\nworker true\n", short=Short(JIT, "Fatal")),
    Program("java, javac", "openjdk-17-jdk-headless", "build", JAVA, "hello 12810 143 child\n", programs=("java", "javac"),
            read=("/etc/java-17-openjdk",), short=Short(JIT, "Failed to mark memory page as executable")),
    Program("sqlite3", "sqlite3", "base", SQLITE, "wal\n2500|5000\nok\n[{\"beside\":4}]\n2504\n"),
    Program("openssl", "openssl", "base", OPENSSL, OPENSSL_OUTPUT, read=("/etc/ssl/openssl.cnf",)),
    Program("curl", "curl", "net", CURL, CURL_OUTPUT, network="host", short=Short("a socket to a network", "Couldn't connect to server")),
    Program("psql", "postgresql-client", "net", PSQL, PSQL_OUTPUT, network="host",
            short=Short("a socket to a network", "could not create socket")),
    Program("ssh, ssh-keygen", "openssh-client", "base", SSH, "OpenSSH\njob (ED25519)\n600\nGood \"file\" signature for\njob\n",
            programs=("ssh", "ssh-keygen")),
    Program("jq", "jq", "base", JQ, """[{"id":1,"many":true},{"id":2,"many":false}]\ntrue\n"Mw=="\n"""),
    Program("ffmpeg", "ffmpeg", "base", FFMPEG, "h264,320\naac\n160,120\n",
            warns="Warning: using insecure memory!"),     # libgcrypt: no mlock below `build`, and nothing secret here
    Program("zstd", "zstd", "base", ZSTD, "108894\n"),
    Program("convert, identify", "imagemagick", "base", IMAGEMAGICK, "PNG 50x100\nGIF 100x100\n", programs=("convert", "identify"),
            read=("/etc/ImageMagick-6",)),
    Program("rsync", "rsync", "base", RSYNC, "700\n*deleting   one\n>f+++++++++ two\ndeep\nlink\ntwo\n"),
)


def markdown():
    """The table of docs/policies.md."""
    lines = ["| program | Debian's package | profile | also | what the next lower profile lacks |", "|---|---|---|---|---|"]
    for row in PROGRAMS:
        also = [f"`network: {row.network}`"] * (row.network != "none") + [f"`read: [{path}]`" for path in row.read]
        lines.append(f"| {row.name} | {row.package} | `{row.profile}` | {', '.join(also)} | {row.short.why if row.short else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
