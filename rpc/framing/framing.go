// Package framing reads and writes the messages of the protocol of package rpc: a header with
// a length, and one JSON text. It must not know what a message means.
package framing

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/sourcegraph/jsonrpc2"
)

// Messages is a stream of messages that records why reading ended.
type Messages struct {
	jsonrpc2.ObjectStream
	in    *bufio.Reader
	close func() error // once
	mu    sync.Mutex
	err   error
}

// New returns the messages of a stream.
func New(stream io.ReadWriteCloser) *Messages {
	return &Messages{
		ObjectStream: jsonrpc2.NewBufferedStream(stream, jsonrpc2.VSCodeObjectCodec{}),
		in:           bufio.NewReader(stream),
		close:        sync.OnceValue(stream.Close),
	}
}

// ReadObject returns [io.EOF] only between two messages. It is stricter than the codec: it
// rejects a message whose length does not match its header, and an endless header.
func (m *Messages) ReadObject(v any) error {
	_, err := m.in.Peek(1)
	if err == nil {
		if err = readMessage(m.in, v); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.err = err
	}
	return err
}

func readMessage(in *bufio.Reader, v any) error {
	length, err := readHeader(in)
	if err != nil {
		return err
	}
	body := &io.LimitedReader{R: in, N: length}
	decoder := json.NewDecoder(body)
	if err := decoder.Decode(v); err != nil {
		return err
	}
	switch _, err := decoder.Token(); {
	case err != io.EOF:
		return errors.New("a message holds more than one JSON text")
	case body.N > 0:
		return io.ErrUnexpectedEOF
	}
	return nil
}

// readHeader returns the length of the message that follows.
func readHeader(in *bufio.Reader) (length int64, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			return 0, fmt.Errorf("a line of a header is longer than %d bytes", in.Size())
		}
		if err != nil {
			return 0, err
		}
		line, ok := bytes.CutSuffix(line, []byte("\r\n"))
		if !ok {
			return 0, errors.New("a line of a header does not end in CR LF")
		}
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, err
			}
		}
	}
	if length <= 0 || length > maxMessage {
		return 0, fmt.Errorf("a header has no Content-Length from 1 to %d", maxMessage)
	}
	return length, nil
}

// maxMessage is the maximum length of a message. It is far above real ones, because long
// terminal outputs are sent as files.
const maxMessage = 1 << 30

// Close returns once the stream is closed, even if another goroutine closes it.
func (m *Messages) Close() error { return m.close() }

// Problem is the error that ended reading, unless that was the end of the stream or of ctx.
func (m *Messages) Problem(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil || m.err == io.EOF || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("protocol: %w", m.err)
}
