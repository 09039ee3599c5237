package archive_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestRefusedStreams(t *testing.T) {
	sound := tarOf(t, with(file("outputs/a", strings.Repeat("content ", 10_000))))
	flipped := func(i int) []byte {
		b := compress(t, sound)
		b[(i+len(b))%len(b)] ^= 1
		return b
	}
	for _, test := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"nothing", nil, "ends before its end marker"},
		{"text", []byte("<html>404 Not Found</html>"), ""},
		{"gzip", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00"), ""},
		{"tar without zstd", sound, ""},
		{"zstd without tar", compress(t, []byte(strings.Repeat("no tar ", 1000))), ""},
		{"an empty zstd frame", emptyFrame, "ends before its end marker"},
		{"data behind the frame", append(compress(t, sound), "more"...), ""},
		{"a zero behind the frame", append(compress(t, sound), 0), ""},
		{"another frame", append(compress(t, sound), compress(t, []byte("more"))...), "data after the end"},
		{"another archive", slices.Concat(compress(t, sound), compress(t, sound)), "data after the end"},
		{"another tar in the frame", compress(t, slices.Concat(sound, sound)), "data after the end"},
		{"zeros behind the tar", compress(t, append(slices.Clone(sound), make([]byte, 10<<10)...)), "data after the end"},
		{"a flipped bit in the beginning", flipped(0), ""},
		{"a flipped bit in the middle", flipped(len(compress(t, sound)) / 2), ""},
		{"a flipped bit in the checksum", flipped(-1), ""},
		{"a tar that is cut in a body", compress(t, sound[:len(sound)-3000]), ""},
		{"a tar that is cut in a header", compress(t, sound[:512*3+100]), ""},
		{"a window above the limit", frame(t, append(slices.Clone(sound), make([]byte, 20<<20)...), zstd.WithWindowSize(2*archive.MaxWindow)), "window"},
		{"a window of terabytes", []byte("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"), "window"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refuse(t, bytes.NewReader(test.content), archive.Limits{}, test.want)
		})
	}
}

// A writer may choose the sizes of frames within limits, and may omit them from the
// headers.
func TestArchiveInSeveralFrames(t *testing.T) {
	cachetest.SkipWithRace(t)
	want := strings.Repeat("text of a file ", 200_000) + cachetest.Noise(1, 1<<20)
	content := tarOf(t, with(file("outputs/a", want)))
	sized := func(b []byte, options ...zstd.EOption) []byte {
		w, err := zstd.NewWriter(nil, append(options, zstd.WithWindowSize(archive.MaxWindow))...)
		if err != nil {
			t.Fatal(err)
		}
		return w.EncodeAll(b, nil)
	}
	const part, short = 1 << 20, 64<<10 - 1
	text, noise := content[:part], content[len(content)-part:]
	rest := content[part : len(content)-part]
	middle := [][]byte{rest[:part], rest[part:]}
	skippable := []byte("\x50\x2a\x4d\x18\x05\x00\x00\x00words")
	for _, test := range []struct {
		name   string
		frames [][]byte
		want   string // part of the error, or "" if it is accepted
	}{
		{"ours", [][]byte{sized(text, zstd.WithEncoderCRC(false)), sized(middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"with checksums", [][]byte{sized(text, zstd.WithEncoderCRC(true)), sized(rest[:part]), sized(rest[part:]), sized(noise, zstd.WithEncoderCRC(true))}, ""},
		{"without sizes", [][]byte{frame(t, text), frame(t, middle[0]), frame(t, middle[1]), frame(t, noise)}, ""},
		{"one without a size", [][]byte{sized(text), frame(t, middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"the first without a size", [][]byte{frame(t, text), sized(rest[:part]), sized(rest[part:]), sized(noise)}, ""},
		{"the last without a size", [][]byte{sized(text), sized(rest[:part]), sized(rest[part:]), frame(t, noise)}, ""},
		{"the shortest before the last", [][]byte{sized(content[:short+1]), sized(content[short+1 : part]), sized(middle[0]), sized(middle[1]), sized(noise)}, ""},
		{"a last one that is short", [][]byte{sized(text), sized(middle[0]), sized(middle[1]), sized(noise[:part-512]), sized(noise[part-512:])}, ""},
		{"one that is short", [][]byte{sized(content[:short]), sized(content[short:part]), sized(middle[0]), sized(middle[1]), sized(noise)}, "before the last"},
		{"one that is short and does not tell it", [][]byte{frame(t, content[:short]), sized(content[short:part]), sized(middle[0]), sized(middle[1]), sized(noise)}, "before the last"},
		{"an empty one between", [][]byte{sized(text), emptyFrame, sized(middle[0]), sized(middle[1]), sized(noise)}, "before the last"},
		{"an empty one at the end", [][]byte{sized(text), sized(middle[0]), sized(middle[1]), sized(noise), emptySizedFrame}, "a frame is empty"},
		{"one to be skipped", [][]byte{sized(text), skippable, sized(middle[0]), sized(middle[1]), sized(noise)}, "skippable"},
		{"one that is larger than a window", [][]byte{frame(t, content)}, "exceeds"},
		{"one that tells that it is larger", [][]byte{sized(content)}, "at most 2097152 are allowed"},
		{"tiny ones", append(each(content[:200], func(b []byte) []byte { return sized(b) }), sized(content[200:part]), sized(middle[0]), sized(middle[1]), sized(noise)), "before the last"},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := slices.Concat(test.frames...)
			if test.want != "" {
				refuse(t, bytes.NewReader(all), archive.Limits{}, test.want)
				return
			}
			dir := cachetest.TempDir(t)
			if _, err := codec.Extract(bytes.NewReader(all), dir, "outputs", archive.Limits{}); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(outputsOf(dir), "a")); err != nil || string(got) != want {
				t.Errorf("got %d bytes, %v; want the same %d bytes", len(got), err, len(want))
			}
		})
	}
}

// each returns the results of f for each byte.
func each(b []byte, f func([]byte) []byte) (all [][]byte) {
	for i := range b {
		all = append(all, f(b[i:i+1]))
	}
	return all
}

// An invalid frame is an error at its place, and only there.
func TestRejectedFrames(t *testing.T) {
	cachetest.SkipWithRace(t)
	content := tarOf(t, with(file("outputs/a", cachetest.Noise(1, 5<<20))))
	whole := mustCompressFrames(t, content)
	for name, change := range map[string]func(frames [][]byte) [][]byte{
		"a block of an unknown type": func(f [][]byte) [][]byte { f[1][headerSize] |= 3 << 1; return f },
		"a wrong size":               func(f [][]byte) [][]byte { f[1][headerSize-2] ^= 1; return f },
		"a block without an end":     func(f [][]byte) [][]byte { f[1] = f[1][:len(f[1])-100]; return f },
		"no last block":              func(f [][]byte) [][]byte { return f[:2] },
		"an unknown frame":           func(f [][]byte) [][]byte { f[1][0] ^= 0xff; return f },
		"two swapped frames":         func(f [][]byte) [][]byte { f[0], f[1] = f[1], f[0]; return f },
	} {
		t.Run(name, func(t *testing.T) {
			frames := make([][]byte, len(whole))
			for i := range whole {
				frames[i] = bytes.Clone(whole[i])
			}
			refuse(t, bytes.NewReader(slices.Concat(change(frames)...)), archive.Limits{}, "")
		})
	}
}

// headerSize is the size of the header of a frame of 2 MiB: magic number, descriptor,
// four bytes of size.
const headerSize = 4 + 1 + 4

func mustCompressFrames(t *testing.T, content []byte) (frames [][]byte) {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithWindowSize(archive.MaxWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(content, archive.MaxWindow) {
		frames = append(frames, w.EncodeAll(part, nil))
	}
	return frames
}

func TestTruncatedArchive(t *testing.T) {
	content := archiveOf(t, with(folder("outputs/d/"), file("outputs/d/noise", cachetest.Noise(1, 300_000)), file("outputs/text", strings.Repeat("text ", 1000))))
	for i := range 20 {
		refuse(t, bytes.NewReader(content[:len(content)*i/20]), archive.Limits{}, "")
	}
	refuse(t, bytes.NewReader(content[:len(content)-1]), archive.Limits{}, "")
}

// sentinel is a reader that must not be read after it is closed.
type sentinel struct {
	t      *testing.T
	r      io.Reader
	closed bool // the race detector reports a concurrent read
}

func (s *sentinel) Read(p []byte) (int, error) {
	if s.closed {
		s.t.Error("the archive was read after Extract returned")
	}
	return s.r.Read(p)
}

// The next frames are read and decompressed while files are written, but not after
// Extract has returned.
func TestNothingIsReadAfterARejection(t *testing.T) {
	cachetest.SkipWithRace(t)
	content := archiveOf(t, with(file("evil", "x"), file("outputs/noise", cachetest.Noise(1, 8<<20))))
	for range 20 {
		s := &sentinel{t: t, r: bytes.NewReader(content)}
		if _, err := codec.Extract(s, cachetest.TempDir(t), "outputs", archive.Limits{}); !errors.Is(err, archive.ErrRefused) {
			t.Errorf("got %v, want %v", err, archive.ErrRefused)
		}
		s.closed = true
	}
}

// Frames without content: one with a checksum and no size, and one with a size.
var (
	emptyFrame      = []byte("\x28\xb5\x2f\xfd\x04\x00\x01\x00\x00\x99\xe9\xd8\x51")
	emptySizedFrame = []byte("\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00")
)
