package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// fixtureLimit is how long a session waits for what must come. It ends only
// sessions that fail.
const fixtureLimit = 60 * time.Second

// fixtureClient is one client of a session, with the server it has started.
type fixtureClient struct {
	stdin  io.WriteCloser
	stderr *output
	served chan error
	kept   []byte // to be sent together with the next message

	mu      sync.Mutex
	pool    []map[string]any // messages that no line has taken
	ended   error            // io.EOF at a clean end of stdout
	changed chan struct{}

	closed, ending, exited bool // stdin; stdout and the process were looked at
}

// startFixtureClient starts a server in this process.
func startFixtureClient(ctx context.Context, environment testenv.Env) *fixtureClient {
	stdin, stdinWriter := io.Pipe()
	stdoutReader, stdout := io.Pipe()
	c := &fixtureClient{stdin: stdinWriter, stderr: new(output), served: make(chan error, 1), changed: make(chan struct{}, 1)}
	go func() {
		err := run(ctx, []string{"serve"}, world{
			stdin: stdin, stdout: stdout, stderr: c.stderr, getenv: environment.Get,
			ignore: func(...os.Signal) {}, // of the process that runs the tests
		})
		if err != nil {
			fmt.Fprintln(c.stderr, "nx-azure-cache:", err) // as main does
		}
		// What the end of a process does.
		stdin.Close()
		stdout.Close()
		c.served <- err
	}()
	go c.read(stdoutReader)
	return c
}

// read puts all messages of the server into the pool.
func (c *fixtureClient) read(stdout io.Reader) {
	in := bufio.NewReader(stdout)
	for {
		message, err := readMessage(in)
		c.mu.Lock()
		if err != nil {
			c.ended = err
		} else {
			c.pool = append(c.pool, message)
		}
		c.mu.Unlock()
		select {
		case c.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// readMessage reads exactly what doc.go of package rpc says, unlike a codec.
func readMessage(in *bufio.Reader) (message map[string]any, err error) {
	header, err := in.ReadString('\n')
	if err == io.EOF && header == "" {
		return nil, io.EOF
	}
	digits, isHeader := strings.CutPrefix(header, "Content-Length: ")
	length, notANumber := strconv.Atoi(strings.TrimSuffix(digits, "\r\n"))
	if !isHeader || notANumber != nil {
		return nil, fmt.Errorf("stdout holds %q, which is no header", header)
	}
	body := make([]byte, 2+length)
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, fmt.Errorf("stdout ends within a message: %w", err)
	}
	if string(body[:2]) != "\r\n" {
		return nil, fmt.Errorf("stdout holds %q after a header", body[:2])
	}
	if err := json.Unmarshal(body[2:], &message); err != nil {
		return nil, fmt.Errorf("stdout holds the message %q: %w", body[2:], err)
	}
	return message, nil
}

// send writes, in the manner of the arrow.
func (c *fixtureClient) send(data []byte, manner string) error {
	data = append(c.kept, data...)
	c.kept = nil
	size := len(data)
	switch manner {
	case "+":
		c.kept = data
		return nil
	case "~":
		size = 7
	}
	done := make(chan error, 1)
	go func() {
		for piece := range slices.Chunk(data, max(size, 1)) {
			if _, err := c.stdin.Write(piece); err != nil {
				break // the server has ended, which the session may want
			}
		}
		done <- nil
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(fixtureLimit):
		return errors.New("the server does not read its stdin")
	}
}

// take waits for a message that is as wanted, and takes it from the pool.
func (c *fixtureClient) take(p placeholders, want map[string]any) (map[string]any, error) {
	timeout := time.After(fixtureLimit)
	for {
		message, err, done := c.find(p, want)
		if done {
			return message, err
		}
		select {
		case <-c.changed:
		case <-timeout:
			return nil, fmt.Errorf("this message does not come:\n  %s%s", show(want), c.others())
		}
	}
}

// find looks for a message in the pool. An answer to the id that is not as
// wanted ends the search, and so does the end of stdout.
func (c *fixtureClient) find(p placeholders, want map[string]any) (message map[string]any, err error, done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, got := range c.pool {
		if got["method"] != want["method"] || got["id"] != want["id"] {
			continue
		}
		wrong := p.differences("", want, got)
		if len(wrong) == 0 {
			c.pool = slices.Delete(c.pool, i, i+1)
			return got, nil, true
		}
		if want["id"] != nil {
			return nil, fmt.Errorf("the answer is not as wanted:\n  %s\ngot\n  %s", strings.Join(wrong, "\n  "), show(got)), true
		}
	}
	if c.ended != nil {
		return nil, fmt.Errorf("stdout ended (%w) before this message:\n  %s%s", c.ended, show(want), c.othersLocked()), true
	}
	return nil, nil, false
}

func (c *fixtureClient) others() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.othersLocked()
}

func (c *fixtureClient) othersLocked() string {
	if len(c.pool) == 0 {
		return "\nand no other does"
	}
	text := "\ngot"
	for _, message := range c.pool {
		text += "\n  " + show(message)
	}
	return text
}

// closeStdin does so once.
func (c *fixtureClient) closeStdin() error {
	if c.closed {
		return nil
	}
	c.closed = true
	if err := c.send(nil, ""); err != nil { // what was kept back
		return err
	}
	return c.stdin.Close()
}

// waitForEnd waits for the end of stdout, before which nothing may have come
// that no line has taken.
func (c *fixtureClient) waitForEnd() error {
	c.ending = true
	timeout := time.After(fixtureLimit)
	for {
		c.mu.Lock()
		ended, pool := c.ended, c.pool
		c.mu.Unlock()
		if ended == io.EOF {
			return unexpected(pool)
		}
		if ended != nil {
			return ended
		}
		select {
		case <-c.changed:
		case <-timeout:
			return errors.New("stdout does not end")
		}
	}
}

// unexpected is the error of messages that nobody wanted.
func unexpected(pool []map[string]any) error {
	var errs []error
	for _, message := range pool {
		params, _ := message["params"].(map[string]any)
		method := message["method"]
		if method == "progress" || method == "log" && params["level"] == "debug" {
			continue
		}
		errs = append(errs, fmt.Errorf("no line wants the message\n  %s", show(message)))
	}
	return errors.Join(errs...)
}

// waitForExit waits for the end of the server, with an exit code and stderr.
func (c *fixtureClient) waitForExit(p placeholders, code int, stderr string) error {
	c.exited = true
	got := 0
	select {
	case err := <-c.served:
		if err != nil {
			got = 1
		}
	case <-time.After(fixtureLimit):
		return errors.New("the server does not end")
	}
	var errs []error
	if got != code {
		errs = append(errs, fmt.Errorf("want the exit code %d, got %d", code, got))
	}
	for _, line := range p.differences("stderr", stderr, c.stderr.String()) {
		errs = append(errs, errors.New(line))
	}
	return errors.Join(errs...)
}

// finish ends what the session has not ended.
func (c *fixtureClient) finish(p placeholders) error {
	if err := c.closeStdin(); err != nil {
		return err
	}
	if !c.ending {
		if err := c.waitForEnd(); err != nil {
			return err
		}
	}
	if !c.exited {
		return c.waitForExit(p, 0, "")
	}
	return nil
}
