// Package archive turns the result of a task into one compressed stream and
// back.
//
// # Format 1
//
// An archive is a tar (POSIX.1-2001, PAX) in one or more zstd frames (RFC 8878)
// whose window is at most [MaxWindow] bytes. `zstd -dc FILE | tar t` lists it.
// [Codec.Write] begins a new frame every [MaxWindow] bytes of tar, so that several can
// be compressed at the same time.
// Its entries come in this order:
//
//	metadata.json    {"format":1,"hash":"<Nx's task hash>","code":<exit code>}
//	terminalOutput   what the task printed, UTF-8, byte for byte
//	outputs/…        the files of <cacheDirectory>/<hash>, names sorted by folder
//
// Below outputs/ there are regular files, directories and symbolic links,
// nothing else. Every directory has an entry, which comes before the entries
// in it; so empty directories survive, and an entry can never reach its place
// through a link. Names use "/" on every platform. An entry keeps permission
// bits (0777), modification time (nanoseconds, as PAX mtime) and link target;
// it has no owner. setuid, setgid and sticky bits are dropped. A hard link
// becomes a second regular file.
//
// The same tree, exit code and terminal output always give the same bytes.
//
// # What a reader refuses
//
// [Codec.Extract] takes an archive whole or not at all. It refuses:
//
//   - a first entry that is not metadata.json, a second that is not terminalOutput,
//     or a metadata format it does not know;
//   - absolute names, "..", empty or duplicate components, names outside outputs/,
//     and on Windows names that are reserved there;
//   - two entries of one name, and an entry whose parent has not come before as a
//     directory;
//   - hard links, devices, FIFOs, sockets;
//   - links whose target is absolute, leaves outputs/, or goes up ("..") anywhere
//     but at its beginning (so none leaves by way of another);
//   - more entries or bytes than [Limits] allow, or names and link targets of more
//     than 128 bytes for each entry allowed;
//   - more bytes between the entries, such as extended headers, than their names
//     need;
//   - anything after the end of the tar.
//
// A platform may also not be able to hold a name that another made: Windows
// refuses "a:b" or "CON", and where "A" and "a" are one name the second of them
// is an error of the file system. Both readers leave nothing behind.
//
// A "\" in a name is read as "/", so that an archive made by a careless Windows
// writer restores in folders (nx-remotecache issues of that kind: nx#29890);
// [Codec.Write] never makes one.
//
// Entries are created in directories that are held open, by names of one
// component, following no link and replacing nothing (on Unix with openat and its
// like, elsewhere through [os.Root]); links come last, so no write ever meets one.
// The caller extracts to a path aside and renames it.
package archive
