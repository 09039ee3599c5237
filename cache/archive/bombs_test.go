package archive_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// rawHeader returns a header as this package writes it, followed by its content. The
// change is made before the checksum is computed.
func rawHeader(name string, kind byte, content string, change func(block []byte)) []byte {
	block := make([]byte, 512)
	copy(block, name)
	copy(block[100:], "0000644\x000000000\x000000000\x00")
	copy(block[124:], fmt.Sprintf("%011o\x00", len(content)))
	copy(block[136:], "00000000000\x00")
	block[156] = kind
	copy(block[257:], "ustar\x0000")
	if change != nil {
		change(block)
	}
	sum := 8 * int(' ')
	for i, b := range block {
		if i < 148 || i >= 156 {
			sum += int(b)
		}
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(block, padded(content)...)
}

func padded(content string) string {
	return content + strings.Repeat("\x00", (512-len(content)%512)%512)
}

// field returns a change that writes a value at an offset of a header.
func field(offset int, value string) func([]byte) {
	return func(block []byte) { copy(block[offset:], value) }
}

// extended returns an extended header with records, followed by a file.
func extended(records ...string) []byte {
	return append(rawHeader("PaxHeaders.0/a", 'x', strings.Join(records, ""), nil), rawHeader("outputs/a", '0', "x", nil)...)
}

// record returns a record of an extended header.
func record(key, value string) string {
	length := len(key) + len(value) + 3
	length += len(fmt.Sprint(length + len(fmt.Sprint(length))))
	return fmt.Sprintf("%d %s=%s\n", length, key, value)
}

// sparseVersions holds the headers of a sparse file without stored data, by version of
// GNU's format.
var sparseVersions = map[string][]byte{
	"0.0": extended(record("GNU.sparse.size", "314572800"), record("GNU.sparse.numblocks", "1"), record("GNU.sparse.offset", "0"), record("GNU.sparse.numbytes", "1")),
	"0.1": extended(record("GNU.sparse.size", "314572800"), record("GNU.sparse.numblocks", "1"), record("GNU.sparse.map", "0,1")),
	"1.0": append(rawHeader("PaxHeaders.0/a", 'x', record("GNU.sparse.major", "1")+record("GNU.sparse.minor", "0")+record("GNU.sparse.name", "outputs/a")+record("GNU.sparse.realsize", "314572800"), nil),
		rawHeader("GNUSparseFile.0/a", '0', padded("1\n0\n1\n")+"x", nil)...),
}

// oldSparse returns a header of GNU's first format for sparse files: one stored byte of
// 300 MiB.
func oldSparse(magic string) []byte {
	return rawHeader("outputs/a", 'S', "x", func(block []byte) {
		copy(block[257:], magic)
		copy(block[386:], "00000000000\x0000000000001\x00") // offset and length of the first part
		copy(block[483:], "02260000000\x00")                // the whole size
	})
}

// forms returns tars in forms that our writer never uses and other programs may write.
func forms() map[string]struct {
	more []byte // after the folder outputs/
	want string
} {
	type form = struct {
		more []byte
		want string
	}
	long := strings.Repeat("n", 150)
	all := map[string]form{
		"an old sparse file":                  {oldSparse("ustar  \x00"), "not a POSIX header"},
		"an old sparse file in a POSIX tar":   {oldSparse("ustar\x0000"), "not ASCII"},
		"GNU's long name":                     {append(rawHeader("././@LongLink", 'L', "outputs/"+long+"\x00", nil), rawHeader("outputs/"+long[:92], '0', "x", nil)...), "is of type 'L'"},
		"GNU's long target":                   {append(rawHeader("././@LongLink", 'K', long+"\x00", nil), rawHeader("outputs/l", '2', "", field(157, long[:100]))...), "is of type 'K'"},
		"GNU's header":                        {rawHeader("outputs/a", '0', "x", field(257, "ustar  \x00")), "not a POSIX header"},
		"a header older than POSIX":           {rawHeader("outputs/a", '0', "x", field(257, strings.Repeat("\x00", 8))), "not a POSIX header"},
		"a header of star":                    {rawHeader("outputs/a", '0', "x", field(508, "tar\x00")), "after its fields"},
		"a global header":                     {append(rawHeader("GlobalHead.0.0", 'g', record("path", "outputs/b"), nil), rawHeader("outputs/a", '0', "x", nil)...), "is of type 'g'"},
		"a header of Solaris":                 {append(rawHeader("outputs/a", 'X', record("path", "outputs/b"), nil), rawHeader("outputs/a", '0', "x", nil)...), "is of type 'X'"},
		"a file of the type NUL":              {rawHeader("outputs/a", 0, "x", nil), `is of type '\x00'`},
		"a dumped folder in GNU's format":     {rawHeader("outputs/a", 'D', "Yb\x00", nil), "is of type 'D'"},
		"a size in base 256":                  {rawHeader("outputs/a", '0', "", field(124, "\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")), "not octal"},
		"a time in base 256":                  {rawHeader("outputs/a", '0', "", field(136, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")), "not octal"},
		"a number with a sign":                {rawHeader("outputs/a", '0', "", field(136, "-0000000001\x00")), "not octal"},
		"a number after spaces":               {rawHeader("outputs/a", '0', "", field(124, "          0\x00")), "not octal"},
		"a user":                              {rawHeader("outputs/a", '0', "", field(108, "0001750\x00")), "an owner"},
		"a group":                             {rawHeader("outputs/a", '0', "", field(116, "0001750\x00")), "an owner"},
		"a user's name":                       {rawHeader("outputs/a", '0', "", field(265, "root")), "an owner"},
		"a group's name":                      {rawHeader("outputs/a", '0', "", field(297, "root")), "an owner"},
		"a device":                            {rawHeader("outputs/a", '0', "", field(337, "0000001\x00")), "a device"},
		"setuid":                              {rawHeader("outputs/a", '0', "", field(100, "0004755\x00")), "has the mode 4755"},
		"setgid":                              {rawHeader("outputs/a/", '5', "", field(100, "0002755\x00")), "has the mode 2755"},
		"a mode with a file type":             {rawHeader("outputs/a", '0', "", field(100, "0100644\x00")), "has the mode 100644"},
		"a folder with content":               {rawHeader("outputs/a/", '5', "x", nil), "has content"},
		"a link with content":                 {rawHeader("outputs/a", '2', "x", field(157, "b")), "has content"},
		"a file with a target":                {rawHeader("outputs/a", '0', "x", field(157, "b")), "has a target"},
		"a name that is not ASCII":            {rawHeader("outputs/\u00e9", '0', "x", nil), "not ASCII"},
		"bytes after a name":                  {rawHeader("outputs/a\x00b", '0', "x", nil), "not ASCII"},
		"bytes after the fields":              {rawHeader("outputs/a", '0', "x", field(500, "x")), "after its fields"},
		"bytes after the content":             {bytes.ReplaceAll(rawHeader("outputs/a", '0', "x", nil), []byte("x\x00"), []byte("xy")), "between its entries"},
		"a wrong checksum":                    {bytes.Replace(rawHeader("outputs/a", '0', "x", nil), []byte("outputs/a"), []byte("outputs/b"), 1), "wrong checksum"},
		"an extended header after another":    {append(rawHeader("PaxHeaders.0/a", 'x', record("path", "outputs/b"), nil), extended(record("path", "outputs/c"))...), "is of type 'x'"},
		"an extended header without an entry": {rawHeader("PaxHeaders.0/a", 'x', record("path", "outputs/b"), nil), "not a POSIX header"},
		"an empty extended header":            {extended(), "an extended header has 0 bytes"},
		"a huge extended header":              {extended(record("path", strings.Repeat("x", 300_000))), "at most 262144"},
		"an extended header of a gigabyte":    {rawHeader("PaxHeaders.0/a", 'x', "", field(124, "10000000000\x00")), "at most 262144"},
		"a record that is too short":          {extended("4 a=\n"), "malformed"},
		"a record that is too long":           {extended("99 path=a\n"), "malformed"},
		"a record without an end":             {extended("9 path=aa"), "malformed"},
		"a record without a length":           {extended(" path=a\n"), "malformed"},
		"a record with a negative length":     {extended("-9 path=a\n"), "malformed"},
		"a record with only a length":         {extended("9"), "malformed"},
		"a record without a value":            {extended(record("path", "")), "malformed"},
		"a record with a NUL":                 {extended(record("path", "outputs/a\x00b")), "malformed"},
		"a record without an equals sign":     {extended("8 patha\n"), "malformed"},
		"two records of a name":               {extended(record("path", "outputs/a"), record("path", "outputs/b")), `the record "path"`},
		"two records of a time":               {extended(record("mtime", "1"), record("mtime", "1")), `the record "mtime"`},
		"two records of a size":               {extended(record("size", "1"), record("size", "1")), `the record "size"`},
		"two records of a target":             {extended(record("linkpath", "a"), record("linkpath", "a")), `the record "linkpath"`},
		"a record of a file's target":         {extended(record("linkpath", "a")), "has a target"},
		"a negative size":                     {extended(record("size", "-1")), `the record "size"`},
		"a size that is not a number":         {extended(record("size", "1e3")), `the record "size"`},
		"a size with many zeros":              {extended(record("size", strings.Repeat("0", 40)+"1")), `the record "size"`},
		"a size of more than 63 bits":         {extended(record("size", "9223372036854775808")), `the record "size"`},
		"a time that is not a number":         {extended(record("mtime", "now")), `the record "mtime"`},
		"a time of picoseconds":               {extended(record("mtime", "1.000000000001")), `the record "mtime"`},
		"a time with a sign in its fraction":  {extended(record("mtime", "1.-5")), `the record "mtime"`},
		"a time with many zeros":              {extended(record("mtime", strings.Repeat("0", 40)+"1")), `the record "mtime"`},
		"a record of a terabyte":              {extended(record("size", "1099511627776")), "more bytes than allowed"},
		"a zero block before an entry":        {append(make([]byte, 512), rawHeader("outputs/a", '0', "x", nil)...), "in its end marker"},
	}
	for _, key := range []string{"atime", "ctime", "uid", "gid", "uname", "gname", "comment", "charset", "hdrcharset", "SCHILY.xattr.user.a", "LIBARCHIVE.creationtime", "GNU.sparse.major", "PATH", ""} {
		all["the record "+key] = form{extended(record(key, "1")), fmt.Sprintf("the record %q", key)}
	}
	for version, more := range sparseVersions {
		all["a sparse file of version "+version] = form{more, `the record "GNU.sparse.`}
	}
	return all
}

// formOf returns the tar of a form.
func formOf(t testing.TB, more []byte) []byte {
	t.Helper()
	sound := tarOf(t, with())
	return append(append(sound[:len(sound)-1024:len(sound)-1024], more...), make([]byte, 1024)...)
}

func TestRejectedFormsOfTar(t *testing.T) {
	cachetest.SkipWithRace(t)
	for name, form := range forms() {
		t.Run(name, func(t *testing.T) {
			refuse(t, bytes.NewReader(compress(t, formOf(t, form.more))), archive.Limits{}, form.want)
		})
	}
}

func TestEndOfTheTar(t *testing.T) {
	sound := tarOf(t, with(file("outputs/a", "x")))
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"no end marker":                {sound[:len(sound)-1024], "before its end marker"},
		"half an end marker":           {sound[:len(sound)-512], "before its end marker"},
		"a tenth of an end marker":     {sound[:len(sound)-100], "unexpected EOF"},
		"a block after the end marker": {append(bytes.Clone(sound), make([]byte, 512)...), "data after the end"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, bytes.NewReader(compress(t, test.content)), archive.Limits{}, test.want) })
	}
}

// These forms are allowed by POSIX, and other programs write them. This package does not.
func TestAcceptedFormsOfTar(t *testing.T) {
	for name, more := range map[string][]byte{
		"as this package writes them": rawHeader("outputs/a", '0', "x", nil),
		"numbers with a space":        rawHeader("outputs/a", '0', "x", field(100, "000644 \x00")),
		"empty numbers":               rawHeader("outputs/a", '0', "x", field(108, strings.Repeat("\x00", 16))),
		"a prefix":                    rawHeader("a", '0', "x", field(345, "outputs")),
		"records":                     extended(record("mtime", "1.5"), record("path", "outputs/a"), record("size", "1")),
		"a time before 1970":          extended(record("mtime", "-1.5")),
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			mustExtract(t, compress(t, formOf(t, more)), dir)
			if got, err := os.ReadFile(filepath.Join(outputsOf(dir), "a")); err != nil || string(got) != "x" {
				t.Errorf("got %q, %v; want %q", got, err, "x")
			}
		})
	}
}

// zeroFrame returns a frame of 2 MiB of zeros with its size: 16 blocks of 4 bytes.
func zeroFrame(t testing.TB) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(archive.MaxWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	frame := w.EncodeAll(make([]byte, archive.MaxWindow), nil)
	if len(frame) > 100 {
		t.Fatalf("2 MiB of zeros have %d bytes", len(frame))
	}
	return frame
}

// zerosOf returns an archive of one file, n frames of zeros.
func zerosOf(t testing.TB, n int) []byte {
	t.Helper()
	size := int64(n) * archive.MaxWindow
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range append(with(), entry{tar.Header{Typeflag: tar.TypeReg, Name: "outputs/zeros", Mode: 0o644, Size: size, Format: tar.FormatPAX}, ""}) {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err == nil {
		t.Fatal("the file needs content")
	}
	// The first frame needs its full size, and the last one holds the end marker.
	start := append(b.Bytes(), make([]byte, archive.MaxWindow-b.Len())...)
	rest := make([]byte, b.Len()+1024)
	return bytes.Join([][]byte{compress(t, start), bytes.Repeat(zeroFrame(t), n-1), compress(t, rest)}, nil)
}

// counted counts the bytes that are read: most, from one beginning.
type counted struct {
	r       io.ReadSeeker
	n, most int
}

func (c *counted) Seek(offset int64, whence int) (int64, error) {
	c.n = 0
	return c.r.Seek(offset, whence)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	c.most = max(c.most, c.n)
	return n, err
}

// A reader rejects a bomb after a limited number of bytes.
func TestWorkBeforeABombIsRefused(t *testing.T) {
	cachetest.SkipWithRace(t)
	const ahead = 6 * archive.MaxWindow // frames read ahead
	ours := compress(t, tarOf(t, with(file("outputs/noise", cachetest.Noise(1, 200_000)))))
	blocks := append([]byte("\x28\xb5\x2f\xfd\xa0\x00\x00\x20\x00"), bytes.Repeat([]byte{0, 0, 0}, 6<<20)...)
	for _, test := range []struct {
		name    string
		content []byte
		most    int // bytes read
		want    string
	}{
		{"empty frames", bytes.Repeat(emptyFrame, 18<<20/len(emptyFrame)), 8 << 10, "before the last"},
		{"empty frames that tell it", bytes.Repeat(emptySizedFrame, 18<<20/len(emptySizedFrame)), 8 << 10, "a frame is empty"},
		{"empty frames behind an archive", append(bytes.Clone(ours), bytes.Repeat(emptyFrame, 1<<20)...), len(ours) + 8<<10, ""},
		{"frames to be skipped", bytes.Repeat([]byte("\x50\x2a\x4d\x18\x00\x00\x00\x00"), 2<<20), 8 << 10, "skippable"},
		{"a frame to be skipped of 4 GiB", append([]byte("\x50\x2a\x4d\x18\xff\xff\xff\xff"), make([]byte, 1<<20)...), 8 << 10, "skippable"},
		{"empty blocks", blocks, 64 << 10, "more or other blocks"},
		{"frames of a byte", bytes.Repeat(frame(t, []byte("m")), 1<<20), 8 << 10, "before the last"},
		{"frames of a header", bytes.Repeat(frame(t, tarOf(t, head())[:512]), 1<<16), 8 << 10, "before the last"},
		{"a frame of 128 TiB", append([]byte("\x28\xb5\x2f\xfd\xe0\x00\x00\x00\x00\x00\x80\x00\x00"), make([]byte, 18<<20)...), 8 << 10, "a frame holds"},
		{"zeros", bytes.Repeat(zeroFrame(t), 1<<16), 8 << 10, "ends before metadata.json"},
		{"a file of zeros", zerosOf(t, 2000), 8 << 10, "more bytes than allowed"},
		{"extended headers", compress(t, slicesOf(tarOf(t, head()), rawHeader("PaxHeaders.0/a", 'x', record("path", "outputs/b"), nil), 64<<10)), ahead, "is of type 'x'"},
		{"noise", []byte(cachetest.Noise(1, 18<<20)), 8 << 10, "no zstd header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &counted{r: bytes.NewReader(test.content)}
			refuse(t, r, archive.LimitsOf(int64(len(test.content))), test.want)
			if r.most > test.most {
				t.Errorf("read %d of %d bytes, want at most %d", r.most, len(test.content), test.most)
			}
		})
	}
}

// slicesOf returns a tar without its end marker, followed by n copies of a slice.
func slicesOf(sound, more []byte, times int) []byte {
	return append(sound[:len(sound)-1024:len(sound)-1024], bytes.Repeat(more, times)...)
}

// A reader writes nothing of a bomb that it rejects.
func TestBombIsNotWritten(t *testing.T) {
	for name, content := range map[string][]byte{
		"sparse":           compress(t, formOf(t, sparseVersions["1.0"])),
		"zeros of 300 MiB": zerosOf(t, 150),
		"zeros of 20 GiB":  zerosOf(t, 10<<10),
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			_, err := codec.Extract(bytes.NewReader(content), dir, "outputs", archive.LimitsOf(int64(len(content))))
			if !errors.Is(err, archive.ErrRefused) {
				t.Errorf("got %v, want %v", err, archive.ErrRefused)
			}
			entries, err := os.ReadDir(outputsOf(dir))
			if err != nil || len(entries) != 0 {
				t.Errorf("%d bytes: got %v, %v; want an empty folder", len(content), entries, err)
			}
		})
	}
}
