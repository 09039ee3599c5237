// Package archive turns the result of a task into one compressed stream and
// back.
//
// # Format 1
//
// An archive is a tar (POSIX.1-2001, PAX) in one or more zstd frames (RFC 8878).
// `zstd -dc FILE | tar t` lists it. Its entries come in this order:
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
// # The frames
//
// A frame holds at most [MaxWindow] bytes of tar, and at least 64 KiB unless it is
// the last; its window is at most [MaxWindow]. [Codec.Write] begins a new frame every
// [MaxWindow] bytes, so that several can be compressed at the same time. Each of its
// frames tells its size; one that does not is taken, too. A frame has at most 16
// blocks and one more for each 512 bytes that it holds. It may have a checksum.
//
// # The headers
//
// Each entry has a header of POSIX (magic "ustar", version "00"). An extended header
// (type "x") may come before it:
//
//	name, prefix  ASCII, filled up with NULs
//	type          "0" (file), "2" (link) or "5" (directory)
//	mode          at most 0777
//	numbers       octal digits that end in NULs or spaces; no digits are 0
//	size          0 unless it is a file
//	link target   empty unless it is a link
//	owner, device 0 or empty
//	the rest      zeros, as between a content and the next header
//
// An extended header has at most 256 KiB and at least one record. Its records are
// path, linkpath, size (decimal) and mtime (seconds, with at most nine digits behind
// a "."), each once at most. A name that is long or not ASCII needs path, a size of
// 8 GiB and more needs size. Two blocks of zeros end the tar.
//
// # Modes
//
// A reader gives a file the permissions of the owner as they were stored. Its own
// umask, or a default ACL of the directory, limits those of group and others: what was
// stored as 0777 becomes 0755 under the umask 022. A directory becomes what the umask
// or the ACL leaves of 0777, whatever was stored, and keeps a setgid bit that it
// inherits: Nx creates directories so when it copies a result. With fewer permissions
// other users of a shared cache directory could not move or remove it.
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
//   - frames and headers of any other form than above, such as sparse files, long
//     names of GNU, global headers, numbers in base 256, frames to be skipped;
//   - hard links, devices, FIFOs, sockets;
//   - links whose target is absolute, leaves outputs/, or goes up ("..") anywhere
//     but at its beginning (so none leaves by way of another);
//   - more entries or bytes than [Limits] allow, or names and link targets of more
//     than 128 bytes for each entry allowed;
//   - anything after the end of the tar.
//
// A sound archive with a link that [Limits.Outputs] do not allow is not restored either
// ([ErrLinks]); see [Outputs].
//
// It refuses a file at its header, before it writes anything of it. [LimitsOf] says
// how many bytes an archive may unpack to: that depends on its own size. Write keeps
// to the same limits, so what it stores can be restored.
//
// A result for which the file system has too little space is not refused, but an
// error that wraps [diskspace.ErrTooLittle].
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
