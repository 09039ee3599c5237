// Package archive turns the result of a task into one compressed stream and back.
//
// It knows the format below and its limits. It must not know where archives are stored,
// what a cache directory is, nor who made a result.
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
// Below outputs/ there are only regular files, directories and symbolic links. Every
// directory has an entry, which comes before the entries in it. So an archive keeps empty
// directories, and no entry reaches its place through a link. Names use "/" on every
// platform. An entry keeps its permission bits (0777), modification time (nanoseconds, as
// PAX mtime) and link target, but no owner. The writer drops setuid, setgid and sticky
// bits, and stores a hard link as a second regular file.
//
// The same tree, exit code and terminal output always give the same bytes.
//
// # The frames
//
// A frame holds at most [MaxWindow] bytes of tar, and at least 64 KiB unless it is the
// last. Its window is at most [MaxWindow]. [Codec.Write] begins a new frame every
// [MaxWindow] bytes, so that it can compress several at once, and writes the size of each
// frame to its header. A reader also accepts frames without a size. A frame has at most 16
// blocks, and one more for each 512 bytes of its content. It may have a checksum.
//
// # The headers
//
// Each entry has a POSIX header (magic "ustar", version "00"). An extended header (type
// "x") may come before it:
//
//	name, prefix  ASCII, padded with NULs
//	type          "0" (file), "2" (link) or "5" (directory)
//	mode          at most 0777
//	numbers       octal digits that end with NULs or spaces; no digits mean 0
//	size          0 unless it is a file
//	link target   empty unless it is a link
//	owner, device 0 or empty
//	the rest      zeros, like the padding between a content and the next header
//
// An extended header has at most 256 KiB and at least one record. Its records are path,
// linkpath, size (decimal) and mtime (seconds, with at most nine digits after a "."), each
// at most once. A name that is long or not ASCII needs path; a size of 8 GiB or more needs
// size. Two blocks of zeros end the tar.
//
// # Modes
//
// A reader restores the owner's permissions of a file as they were stored. Its own umask,
// or a default ACL of the directory, limits those of group and others: 0777 becomes 0755
// under the umask 022. A directory gets what the umask or the ACL leaves of 0777, whatever
// mode was stored, and keeps an inherited setgid bit. Nx creates directories the same way
// when it copies a result. With fewer permissions, other users of a shared cache directory
// could not move or remove them.
//
// # What a reader rejects
//
// [Codec.Extract] accepts an archive whole or not at all. It rejects:
//
//   - a first entry that is not metadata.json, a second entry that is not terminalOutput,
//     and an unknown format in the metadata;
//   - absolute names, "..", empty or duplicate components, names outside outputs/,
//     and on Windows reserved names;
//   - two entries of one name, and an entry whose parent does not come before it as a
//     directory;
//   - frames and headers of any other form than above, such as sparse files, long
//     names of GNU, global headers, numbers in base 256, and skippable frames;
//   - hard links, devices, FIFOs and sockets;
//   - links whose target is absolute, leaves outputs/, or has ".." anywhere but at its
//     beginning (so no chain of links leaves outputs/);
//   - more entries or bytes than [Limits] allow, or names and link targets of more
//     than 128 bytes for each allowed entry;
//   - anything after the end of the tar.
//
// A valid archive with a link that [Limits.Outputs] do not allow is not restored either
// ([ErrLinks]); see [Outputs].
//
// A reader rejects a file at its header, before it writes any of its content. [LimitsOf]
// returns how many bytes an archive may unpack to, which depends on its own size. Write
// keeps the same limits, so every stored archive can be restored.
//
// If the file system has too little space for a result, the error wraps
// [diskspace.ErrTooLittle] and does not reject the archive.
//
// A platform may not support a name that another one made: Windows has no "a:b" and no
// "CON". Where "A" and "a" are one name, the second of them is an error of the file system.
// In both cases, the reader leaves nothing behind.
//
// A reader treats "\" in a name as "/", so that the archive of a careless Windows writer
// restores into folders (nx#29890). [Codec.Write] never makes such a name.
//
// A reader creates entries in open directories, by names of one component. It follows no
// link and replaces nothing (on Unix with openat and its relatives, elsewhere through
// [os.Root]). It creates links last, so no write meets one. The caller extracts to a
// temporary path and renames it.
package archive
