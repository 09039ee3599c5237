package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func rawGetCommand() *cobra.Command {
	var concurrency int
	cmd := &cobra.Command{
		Use:   "raw-get URL_FILE",
		Short: "Get each URL in a file, one per line, and print the time",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			got, err := rawGet(cmd.Context(), strings.Fields(string(list)), concurrency)
			if err != nil {
				return err
			}
			return got.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().IntVar(&concurrency, "concurrency", 8, "requests at once, each on a connection of its own")
	return cmd
}

// rawGet gets all URLs and discards the responses.
func rawGet(ctx context.Context, urls []string, concurrency int) (figures, error) {
	if concurrency < 1 {
		return figures{}, fmt.Errorf("--concurrency %d: at least 1", concurrency)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = concurrency, concurrency
	// A request that opens a connection may use an idle one before the new one is open. Without
	// a limit, there would be more connections than concurrent requests.
	transport.MaxConnsPerHost = concurrency
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	next := make(chan string)
	sizes := make([]int64, concurrency)
	group, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i := range concurrency {
		group.Go(func() error { return getAll(ctx, client, next, &sizes[i]) })
	}
	group.Go(func() error {
		defer close(next)
		for _, url := range urls {
			select {
			case next <- url:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	got := figures{Requests: len(urls), Milliseconds: since(begin)}
	for _, size := range sizes {
		got.Bytes += size
	}
	return got, nil
}

// getAll is one of the concurrent workers of rawGet.
func getAll(ctx context.Context, client *http.Client, urls <-chan string, size *int64) error {
	buffer := make([]byte, 256<<10)
	for url := range urls {
		n, err := get(ctx, client, url, buffer)
		if err != nil {
			return err
		}
		*size += n
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string, buffer []byte) (size int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", url, response.Status)
	}
	// io.Discard alone would read in small pieces.
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, response.Body, buffer)
}

func tarZstdCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "tar-zstd --out FILE DIR",
		Short: "Write a folder as tar, compressed with the fastest zstd, and print the time",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			begin := time.Now()
			size, err := tarZstd(out, args[0])
			if err != nil {
				return err
			}
			return figures{Bytes: size, Milliseconds: since(begin)}.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write; it must not exist")
	require(cmd, "out")
	return cmd
}

// tarZstd does what `tar | zstd` does, as fast as the libraries do it by themselves.
func tarZstd(out, dir string) (size int64, err error) {
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	compressed, err := zstd.NewWriter(file, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return 0, err
	}
	archive := tar.NewWriter(compressed)
	if err := archive.AddFS(os.DirFS(dir)); err != nil {
		return 0, err
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return 0, err
	}
	return file.Seek(0, io.SeekCurrent)
}

func writeCommand() *cobra.Command {
	var out, from string
	var copies int
	cmd := &cobra.Command{
		Use:   "write --out FILE --from FILE",
		Short: "Write the content of a file to new files, and print the time",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			content, err := os.ReadFile(from)
			if err != nil {
				return err
			}
			got, err := write(names(out, copies), content)
			if err != nil {
				return err
			}
			return got.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FILE` to write; it must not exist")
	cmd.Flags().StringVar(&from, "from", "", "`FILE` to read before the measurement")
	cmd.Flags().IntVar(&copies, "copies", 1, "how many files to write at once; several are FILE.1, FILE.2 …")
	require(cmd, "out", "from")
	return cmd
}

// names are the names of the copies.
func names(out string, copies int) []string {
	if copies == 1 {
		return []string{out}
	}
	var all []string
	for i := range copies {
		all = append(all, fmt.Sprintf("%s.%d", out, i+1))
	}
	return all
}

// write writes content to all files at once.
func write(files []string, content []byte) (figures, error) {
	if len(files) == 0 {
		return figures{}, errors.New("--copies: at least 1")
	}
	var group errgroup.Group
	begin := time.Now()
	for _, file := range files {
		group.Go(func() error { return writeNew(file, content) })
	}
	if err := group.Wait(); err != nil {
		return figures{}, err
	}
	return figures{Bytes: int64(len(files)) * int64(len(content)), Milliseconds: since(begin)}, nil
}

func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
