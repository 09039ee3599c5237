package cache_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// bomb returns an archive of one file: n times 2 MiB of zeros, each in 73 bytes.
func bomb(t *testing.T, n int) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(archive.MaxWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		t.Fatal(err)
	}
	var head bytes.Buffer
	tw := tar.NewWriter(&head)
	for _, e := range []struct {
		name, content string
		kind          byte
		size          int64
	}{
		{"metadata.json", `{"format":1,"hash":"123","code":0}`, tar.TypeReg, 0},
		{"terminalOutput", "", tar.TypeReg, 0},
		{"outputs/", "", tar.TypeDir, 0},
		{"outputs/zeros", "", tar.TypeReg, int64(n) * archive.MaxWindow},
	} {
		header := tar.Header{Typeflag: e.kind, Name: e.name, Mode: 0o755, Size: e.size + int64(len(e.content)), Format: tar.FormatPAX}
		if err := tw.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(tw, e.content); err != nil {
			t.Fatal(err)
		}
	}
	start := append(head.Bytes(), make([]byte, archive.MaxWindow-head.Len())...)
	return bytes.Join([][]byte{
		w.EncodeAll(start, nil),
		bytes.Repeat(w.EncodeAll(make([]byte, archive.MaxWindow), nil), n-1),
		w.EncodeAll(make([]byte, head.Len()+1024), nil),
	}, nil)
}

// The size of an entry limits how much it may unpack to.
func TestBomb(t *testing.T) {
	for _, test := range []struct {
		name   string
		frames int
		want   string // part of the error, or "" for a hit
	}{
		{"64 MiB", 32, ""},
		{"300 MiB", 150, "it unpacks to more bytes than allowed"},
		{"20 GiB", 10 << 10, "it unpacks to more bytes than allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			blobs := stored(t, "123")
			blobs.Alter(blobName("123"), func(b *cachetest.Blob) {
				b.Content = bomb(t, test.frames)
				describe(b)
			})
			dir := cachetest.TempDir(t)
			hit, err := newCache(t, blobs).Retrieve(t.Context(), "123", dir)
			if test.want == "" {
				if err != nil || hit.Size != int64(test.frames)*archive.MaxWindow {
					t.Errorf("got %+v, %v; want a hit", hit, err)
				}
				return
			}
			if hit != nil || !errors.Is(err, cache.ErrDamaged) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %+v, %v; want %v with %q", hit, err, cache.ErrDamaged, test.want)
			}
			checkNothingAside(t, dir)
		})
	}
}
