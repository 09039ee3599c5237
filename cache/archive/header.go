package archive

import (
	"bytes"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

const blockSize = 512

// The types of entries.
const (
	typeFile     = '0'
	typeLink     = '2'
	typeFolder   = '5'
	typeExtended = 'x'
)

// header describes an entry of a tar.
type header struct {
	kind    byte
	name    string
	target  string // of a link
	mode    fs.FileMode
	size    int64
	modTime time.Time
}

// tarReader reads the tar of an archive. [archive/tar.Reader] reads the variants of many
// programs; this reader accepts only what doc.go specifies, and rejects everything else at
// its header, before it is used.
type tarReader struct {
	r        io.Reader
	left     int64 // unread bytes of the content
	pad      int64 // bytes between the content and the next block
	block    [blockSize]byte
	extended []byte
}

// next returns the next header, or [io.EOF] at the end marker. The caller has read the
// content of the previous entry.
func (t *tarReader) next() (header, error) {
	if err := t.skipPadding(); err != nil {
		return header{}, err
	}
	if err := t.readBlock(); err != nil {
		return header{}, err
	}
	if isZero(t.block[:]) {
		return header{}, t.readEnd()
	}
	var more records
	if t.block[offsetType] == typeExtended {
		var err error
		if more, err = t.readExtended(); err != nil {
			return header{}, err
		}
		if err := t.readBlock(); err != nil {
			return header{}, err
		}
	}
	h, err := parseHeader(&t.block, more)
	if err != nil {
		return header{}, err
	}
	t.begin(h.size)
	return h, nil
}

// begin makes Read return the next content.
func (t *tarReader) begin(size int64) { t.left, t.pad = size, (blockSize-size%blockSize)%blockSize }

// Read reads the content of the entry.
func (t *tarReader) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	n, err := t.r.Read(p[:min(int64(len(p)), t.left)])
	t.left -= int64(n)
	if err == io.EOF {
		err = nil
		if t.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}

func (t *tarReader) readBlock() error {
	_, err := io.ReadFull(t.r, t.block[:])
	if err == io.EOF {
		return refused("it ends before its end marker")
	}
	return err
}

func (t *tarReader) skipPadding() error {
	padding := t.block[:t.pad]
	if _, err := io.ReadFull(t.r, padding); err != nil {
		return unexpected(err)
	}
	if !isZero(padding) {
		return refused("it has data between its entries")
	}
	return nil
}

// readEnd reads the second block of the end marker.
func (t *tarReader) readEnd() error {
	if err := t.readBlock(); err != nil {
		return err
	}
	if !isZero(t.block[:]) {
		return refused("it has data in its end marker")
	}
	return io.EOF
}

// readExtended reads the extended header that starts with the block.
func (t *tarReader) readExtended() (records, error) {
	fields, err := parseFields(&t.block)
	if err != nil {
		return records{}, err
	}
	if fields.size == 0 || fields.size > maxExtended {
		return records{}, refused("an extended header has %d bytes, at most %d are allowed", fields.size, maxExtended)
	}
	t.extended = append(t.extended[:0], make([]byte, fields.size)...)
	t.begin(fields.size)
	if _, err := io.ReadFull(t, t.extended); err != nil {
		return records{}, err
	}
	if err := t.skipPadding(); err != nil {
		return records{}, err
	}
	return parseRecords(string(t.extended))
}

// The fields of a header, see POSIX.1-2017, pax, "ustar Interchange Format".
const (
	offsetMode     = 100
	offsetUID      = 108
	offsetGID      = 116
	offsetSize     = 124
	offsetModTime  = 136
	offsetChecksum = 148
	offsetType     = 156
	offsetTarget   = 157
	offsetMagic    = 257
	offsetUser     = 265
	offsetGroup    = 297
	offsetMajor    = 329
	offsetMinor    = 337
	offsetPrefix   = 345
	offsetEnd      = 500
)

const magic = "ustar\x0000"

// parseHeader parses a header, with the records of an extended header before it, if any.
func parseHeader(block *[blockSize]byte, more records) (header, error) {
	h, err := parseFields(block)
	if err != nil {
		return header{}, err
	}
	if more.path != "" {
		h.name = more.path
	}
	if more.linkpath != "" {
		h.target = more.linkpath
	}
	if more.hasSize {
		h.size = more.size
	}
	if more.hasModTime {
		h.modTime = more.modTime
	}
	switch {
	case h.kind != typeFile && h.kind != typeLink && h.kind != typeFolder:
		return header{}, refused("%q is of type %q; only files, directories and links are allowed", h.name, h.kind)
	case h.kind != typeFile && h.size != 0:
		return header{}, refused("%q has content, which only files have", h.name)
	case h.kind != typeLink && h.target != "":
		return header{}, refused("%q has a target, which only links have", h.name)
	case h.mode&^fs.ModePerm != 0:
		return header{}, refused("%q has the mode %o", h.name, h.mode)
	}
	return h, nil
}

// parseFields parses the fields of a header.
func parseFields(block *[blockSize]byte) (header, error) {
	if string(block[offsetMagic:offsetUser]) != magic {
		return header{}, refused("a header is not a POSIX header")
	}
	var problem string
	number := func(from, to int) int64 {
		n, ok := octal(block[from:to])
		if !ok {
			problem = "a number in a header is not octal"
		}
		return n
	}
	str := func(from, to int) string {
		s, ok := zeroTerminated(block[from:to])
		if !ok {
			problem = "a name in a header is not ASCII"
		}
		return s
	}
	h := header{
		kind:    block[offsetType],
		name:    str(0, offsetMode),
		target:  str(offsetTarget, offsetMagic),
		mode:    fs.FileMode(number(offsetMode, offsetUID)),
		size:    number(offsetSize, offsetModTime),
		modTime: time.Unix(number(offsetModTime, offsetChecksum), 0),
	}
	if prefix := str(offsetPrefix, offsetEnd); prefix != "" {
		h.name = prefix + "/" + h.name
	}
	owner := number(offsetUID, offsetGID) | number(offsetGID, offsetSize) |
		number(offsetMajor, offsetMinor) | number(offsetMinor, offsetPrefix)
	if owner != 0 || !isZero(block[offsetUser:offsetMajor]) {
		problem = "a header has an owner or a device"
	}
	if !isZero(block[offsetEnd:]) {
		problem = "a header has data after its fields"
	}
	if number(offsetChecksum, offsetType) != checksum(block) {
		problem = "a header has a wrong checksum"
	}
	if problem != "" {
		return header{}, refused("%s", problem)
	}
	return h, nil
}

// checksum is the sum of the bytes of a header, with spaces in the checksum field.
func checksum(block *[blockSize]byte) (sum int64) {
	for _, b := range block {
		sum += int64(b)
	}
	for _, b := range block[offsetChecksum:offsetType] {
		sum += ' ' - int64(b)
	}
	return sum
}

// octal parses octal digits that end with spaces and NULs. No digits mean 0.
func octal(field []byte) (n int64, ok bool) {
	for _, b := range bytes.TrimRight(field, " \x00") {
		if b < '0' || b > '7' {
			return 0, false
		}
		n = n<<3 | int64(b-'0')
	}
	return n, true
}

// zeroTerminated parses ASCII that fills its field or ends with NULs.
func zeroTerminated(field []byte) (string, bool) {
	s := bytes.TrimRight(field, "\x00")
	for _, b := range s {
		if b == 0 || b >= 0x80 {
			return "", false
		}
	}
	return string(s), true
}

var zeros [blockSize]byte

// isZero reports whether at most [blockSize] bytes are all zero.
func isZero(b []byte) bool { return bytes.Equal(b, zeros[:len(b)]) }

// records are the records of an extended header, for the next entry. "" means unset.
type records struct {
	path, linkpath      string
	size                int64
	modTime             time.Time
	hasSize, hasModTime bool
}

// parseRecords parses records of the form "LENGTH KEY=VALUE\n".
func parseRecords(s string) (records, error) {
	var all records
	for s != "" {
		key, value, rest, ok := cutRecord(s)
		if !ok {
			return records{}, refused("an extended header is malformed")
		}
		if !all.set(key, value) {
			return records{}, refused("an extended header has the record %.80q = %.80q", key, value)
		}
		s = rest
	}
	return all, nil
}

func cutRecord(s string) (key, value, rest string, ok bool) {
	digits, _, ok := strings.Cut(s[:min(len(s), maxNumber)], " ")
	n, err := strconv.ParseUint(digits, 10, 31)
	if !ok || err != nil || n > uint64(len(s)) || n < uint64(len(digits)+2) || s[n-1] != '\n' {
		return "", "", "", false
	}
	key, value, ok = strings.Cut(s[len(digits)+1:n-1], "=")
	return key, value, s[n:], ok && value != "" && !strings.ContainsRune(value, 0)
}

// set sets a record. It reports false if the key is unknown or repeated, or the value is
// invalid.
func (r *records) set(key, value string) (ok bool) {
	switch {
	case key == "path" && r.path == "":
		r.path = value
		return true
	case key == "linkpath" && r.linkpath == "":
		r.linkpath = value
		return true
	case key == "size" && !r.hasSize:
		size, err := strconv.ParseUint(value, 10, 63)
		r.size, r.hasSize = int64(size), err == nil && len(value) <= maxNumber
		return r.hasSize
	case key == "mtime" && !r.hasModTime:
		r.modTime, r.hasModTime = parseTime(value)
		return r.hasModTime
	default:
		return false
	}
}

// parseTime parses seconds since 1970, with at most nine digits of fraction.
func parseTime(s string) (time.Time, bool) {
	if len(s) > maxNumber {
		return time.Time{}, false
	}
	whole, fraction, _ := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || len(fraction) > 9 {
		return time.Time{}, false
	}
	nanoseconds, err := strconv.ParseUint(fraction+"000000000"[len(fraction):], 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	if strings.HasPrefix(whole, "-") {
		return time.Unix(seconds, -int64(nanoseconds)), true
	}
	return time.Unix(seconds, int64(nanoseconds)), true
}

// unexpected turns [io.EOF] into [io.ErrUnexpectedEOF].
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
