package azuretest

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// store has the blobs.
type store struct {
	mu         sync.RWMutex
	containers map[string]*container
	versions   uint64 // for ETags
}

type container struct {
	blobs  map[string]*blob
	blocks map[string][]block // uncommitted, by the blob that they are to be part of
	names  []string           // of the blobs, sorted; nil: to be made
	etag   string
	made   time.Time
}

// blob is never changed: a new one takes its place.
type blob struct {
	blocks   []block
	size     int64
	etag     string
	modified time.Time   // to the second
	created  time.Time   //
	header   http.Header // what is sent with it beside common; shared by all answers
	metadata []string    // the names of its headers of metadata, sorted
	archived bool        // see [Service.Archive]
}

// block is a part of a blob; all that Put Blob has put is one without an ID.
type block struct {
	id   string
	data []byte
}

// CreateContainer creates a container. It reports false where there was one.
func (s *Service) CreateContainer(name string) bool {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.containers[name] != nil {
		return false
	}
	if s.store.containers == nil {
		s.store.containers = make(map[string]*container)
	}
	s.store.containers[name] = &container{
		blobs: make(map[string]*blob), blocks: make(map[string][]block), etag: s.store.nextETag(), made: time.Now(),
	}
	return true
}

// nextETag is one that nothing has had. The caller holds the lock.
func (s *store) nextETag() string {
	s.versions++
	return fmt.Sprintf(`"0x8DE%012X"`, s.versions)
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.containers {
		clear(c.blobs)
		clear(c.blocks)
		c.names = nil
	}
}

func (s *store) size() (blobs, bytes int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.containers {
		for _, b := range c.blobs {
			blobs++
			bytes += b.size
		}
	}
	return blobs, bytes
}

// put stores a blob under a name. The caller holds the lock.
func (s *store) put(c *container, name string, b *blob) {
	b.etag = s.nextETag()
	if b.modified.IsZero() {
		b.modified = time.Now()
	}
	b.modified = b.modified.UTC().Truncate(time.Second)
	b.created = b.modified
	if before := c.blobs[name]; before != nil {
		b.created = before.created
	} else {
		c.names = nil
	}
	delete(c.blocks, name)
	for _, part := range b.blocks {
		b.size += int64(len(part.data))
	}
	b.header["Etag"] = []string{b.etag}
	b.header["Last-Modified"] = []string{b.modified.Format(http.TimeFormat)}
	b.header["X-Ms-Creation-Time"] = []string{b.created.Format(http.TimeFormat)}
	c.blobs[name] = b
}

// remove removes a blob, if it is there. The caller holds the lock.
func (c *container) remove(name string) {
	delete(c.blobs, name)
	c.names = nil
}

// common are the headers that every blob has.
var common = http.Header{
	"Accept-Ranges":         {"bytes"},
	"X-Ms-Blob-Type":        {"BlockBlob"},
	"X-Ms-Lease-Status":     {"unlocked"},
	"X-Ms-Lease-State":      {"available"},
	"X-Ms-Server-Encrypted": {"true"},
}

var octetStream = []string{"application/octet-stream"}

const metadataPrefix = "X-Ms-Meta-"

// contentHeaders are the properties that a writer may give a blob.
var contentHeaders = map[string]string{
	"X-Ms-Blob-Content-Type":        "Content-Type",
	"X-Ms-Blob-Content-Encoding":    "Content-Encoding",
	"X-Ms-Blob-Content-Language":    "Content-Language",
	"X-Ms-Blob-Content-Disposition": "Content-Disposition",
	"X-Ms-Blob-Cache-Control":       "Cache-Control",
	"X-Ms-Blob-Content-Md5":         "Content-Md5",
}

// newBlob is a blob of the headers of a request.
func newBlob(sent http.Header, blocks []block) *blob {
	b := &blob{blocks: blocks, header: http.Header{"Content-Type": octetStream}}
	for name, values := range sent {
		if strings.HasPrefix(name, metadataPrefix) {
			b.header[name] = values
			b.metadata = append(b.metadata, name)
		} else if property := contentHeaders[name]; property != "" {
			b.header[property] = values
		}
	}
	slices.Sort(b.metadata)
	return b
}

// body is a part of a blob, without a copy.
func (b *blob) body(from, length int64) (parts [][]byte) {
	for _, part := range b.blocks {
		size := int64(len(part.data))
		if from >= size {
			from -= size
			continue
		}
		n := min(size-from, length)
		parts = append(parts, part.data[from:from+n])
		if length -= n; length == 0 {
			break
		}
		from = 0
	}
	return parts
}

func (c *call) createContainer() answer {
	if !c.rights().Manage {
		return notPermitted
	}
	if !c.service.CreateContainer(c.container) {
		return failure(http.StatusConflict, "ContainerAlreadyExists")
	}
	a := c.containerProperties()
	a.status = http.StatusCreated
	return a
}

func (c *call) containerProperties() answer {
	if !c.rights().Manage {
		return notPermitted
	}
	s := &c.service.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	there := s.containers[c.container]
	if there == nil {
		return containerNotFound
	}
	return answer{status: http.StatusOK, header: http.Header{
		"Etag": {there.etag}, "Last-Modified": {there.made.UTC().Format(http.TimeFormat)},
	}}
}

// find returns the container and the blob of a request, each nil if missing.
// The caller holds the lock.
func (c *call) find() (*container, *blob) {
	there := c.service.store.containers[c.container]
	if there == nil {
		return nil, nil
	}
	return there, there.blobs[c.name]
}

func (c *call) getBlob() answer {
	if !c.rights().Read {
		return notPermitted
	}
	s := &c.service.store
	s.mu.RLock()
	container, b := c.find()
	s.mu.RUnlock()
	if container == nil {
		return containerNotFound
	}
	if refusal, refused := refuseRead(c.r.Header, b); refused {
		return refusal
	}
	if b == nil {
		return blobNotFound
	}
	if b.archived && c.r.Method == http.MethodGet {
		return blobArchived
	}
	return c.content(b)
}

// content is a blob, or the range of it that is asked for.
func (c *call) content(b *blob) answer {
	asked := rangeOf(c.r.Header)
	if asked == "" || c.r.Method == http.MethodHead { // Get Blob Properties knows no ranges
		return answer{status: http.StatusOK, header: b.header, extra: common, body: b.body(0, b.size), length: b.size}
	}
	from, to, ok := parseRange(asked)
	switch {
	case !ok:
		return invalidHeader()
	case from >= b.size:
		refusal := failure(http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		refusal.header = http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", b.size)}}
		return refusal
	}
	to = min(to, b.size-1)
	length := to - from + 1
	a := answer{status: http.StatusPartialContent, header: b.header, extra: maps.Clone(common), body: b.body(from, length), length: length}
	a.extra["Content-Range"] = []string{fmt.Sprintf("bytes %d-%d/%d", from, to, b.size)}
	if whole, ok := b.header["Content-Md5"]; ok { // that of the range would have this name
		a.extra["Content-Md5"] = nil
		a.extra["X-Ms-Blob-Content-Md5"] = whole
	}
	return c.withDigest(a)
}

// maxRangeDigest is the longest range whose digest can be asked for.
const maxRangeDigest = 4 << 20

// withDigest adds the MD5 of a range where it is asked for.
func (c *call) withDigest(a answer) answer {
	if !strings.EqualFold(c.r.Header.Get("x-ms-range-get-content-md5"), "true") {
		return a
	}
	if a.length > maxRangeDigest {
		return invalidHeader()
	}
	digest := md5.Sum(bytes.Join(a.body, nil))
	a.extra["Content-Md5"] = []string{base64.StdEncoding.EncodeToString(digest[:])}
	return a
}

// rangeOf is the range that headers ask for; x-ms-range goes first.
func rangeOf(h http.Header) string {
	if values := h["X-Ms-Range"]; len(values) > 0 {
		return values[0]
	}
	return h.Get("Range")
}

// parseRange reads bytes=FROM-TO and bytes=FROM-, the forms that Azure knows.
func parseRange(text string) (from, to int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(text, "-")
	if !ok || !dash {
		return 0, 0, false
	}
	begin, err := strconv.ParseUint(first, 10, 63)
	if err != nil {
		return 0, 0, false
	}
	if last == "" {
		return int64(begin), 1<<63 - 1, true
	}
	end, err := strconv.ParseUint(last, 10, 63)
	return int64(begin), int64(end), err == nil && begin <= end
}

func (c *call) putBlob() answer {
	if kind := c.r.Header.Get("x-ms-blob-type"); kind == "" {
		return failure(http.StatusBadRequest, "MissingRequiredHeader")
	} else if kind != "BlockBlob" {
		return notImplemented
	}
	if refusal, refused := c.refuseDigest(true); refused {
		return refusal
	}
	b := newBlob(c.r.Header, []block{{data: c.body}})
	if kind := c.r.Header["Content-Type"]; len(kind) > 0 && len(c.r.Header["X-Ms-Blob-Content-Type"]) == 0 {
		b.header["Content-Type"] = kind
	}
	if digest := c.r.Header["Content-Md5"]; len(digest) > 0 {
		b.header["Content-Md5"] = digest
	}
	return c.commit(b, c.refuseWrite)
}

// commit stores a blob unless it is refused, or its conditions do not hold.
func (c *call) commit(b *blob, refuse func(exists bool) (answer, bool)) answer {
	s := &c.service.store
	s.mu.Lock()
	defer s.mu.Unlock()
	container, before := c.find()
	if container == nil {
		return containerNotFound
	}
	if refusal, refused := refuse(before != nil); refused {
		return refusal
	}
	if refusal, refused := refuseChange(c.r.Header, before); refused {
		return refusal
	}
	if before != nil && before.archived {
		return blobArchived
	}
	s.put(container, c.name, b)
	return created(http.Header{"Etag": b.header["Etag"], "Last-Modified": b.header["Last-Modified"]}, true)
}

func created(header http.Header, stored bool) answer {
	header["X-Ms-Request-Server-Encrypted"] = []string{"true"}
	return answer{status: http.StatusCreated, header: header, stored: stored}
}

// Azure's polynomial (azcore calls it shared.CRC64Polynomial).
var crcTable = crc64.MakeTable(0x9A6C9329AC4BC9B5)

// refuseDigest refuses a body that is not what its digests say. That of the blob
// is checked where the body is the blob.
func (c *call) refuseDigest(isBlob bool) (answer, bool) {
	names := []string{"Content-Md5"}
	if isBlob {
		names = append(names, "X-Ms-Blob-Content-Md5")
	}
	for _, name := range names {
		if want := c.r.Header.Get(name); want != "" {
			if digest := md5.Sum(c.body); want != base64.StdEncoding.EncodeToString(digest[:]) {
				return failure(http.StatusBadRequest, "Md5Mismatch"), true
			}
		}
	}
	if want := c.r.Header.Get("x-ms-content-crc64"); want != "" {
		sum := binary.LittleEndian.AppendUint64(nil, crc64.Checksum(c.body, crcTable))
		if want != base64.StdEncoding.EncodeToString(sum) {
			return failure(http.StatusBadRequest, "Crc64Mismatch"), true
		}
	}
	return answer{}, false
}

// refuseBlocks refuses who may not write; to create is not enough.
func (c *call) refuseBlocks(bool) (answer, bool) {
	rights := c.rights()
	return notPermitted, !rights.Write || !rights.mayWriteTo(c.name)
}

// maxBlockID is the longest ID of a block, decoded.
const maxBlockID = 64

func (c *call) putBlock() answer {
	id := c.query.Get("blockid")
	raw, err := base64.StdEncoding.DecodeString(id)
	switch {
	case err != nil || len(raw) == 0 || len(raw) > maxBlockID:
		return failure(http.StatusBadRequest, "InvalidQueryParameterValue")
	case len(c.body) == 0:
		return invalidHeader() // its Content-Length
	case len(c.body) > maxBlock:
		return failure(http.StatusRequestEntityTooLarge, "RequestBodyTooLarge")
	}
	if refusal, refused := c.refuseDigest(false); refused {
		return refusal
	}
	s := &c.service.store
	s.mu.Lock()
	defer s.mu.Unlock()
	container, _ := c.find()
	if container == nil {
		return containerNotFound
	}
	if refusal, refused := c.refuseBlocks(false); refused {
		return refusal
	}
	blocks := container.blocks[c.name]
	if len(blocks) > 0 && rawLength(blocks[0].id) != len(raw) {
		return failure(http.StatusBadRequest, "InvalidBlobOrBlock")
	}
	blocks = slices.DeleteFunc(blocks, func(b block) bool { return b.id == id })
	container.blocks[c.name] = append(blocks, block{id, c.body})
	return created(http.Header{}, false)
}

// rawLength is the length of the ID of a block, decoded.
func rawLength(id string) int { return base64.StdEncoding.DecodedLen(len(id)) - strings.Count(id, "=") }

// blockList is the body of Put Block List.
type blockList struct {
	XMLName xml.Name `xml:"BlockList"`
	IDs     []struct {
		XMLName xml.Name // Latest, Committed or Uncommitted
		ID      string   `xml:",chardata"`
	} `xml:",any"`
}

func (c *call) putBlockList() answer {
	if refusal, refused := c.refuseDigest(false); refused {
		return refusal
	}
	var list blockList
	if err := xml.NewDecoder(bytes.NewReader(c.body)).Decode(&list); err != nil {
		return failure(http.StatusBadRequest, "InvalidXmlDocument")
	}
	b := newBlob(c.r.Header, nil)
	return c.commit(b, func(exists bool) (answer, bool) {
		if refusal, refused := c.refuseBlocks(exists); refused {
			return refusal, true
		}
		var ok bool
		b.blocks, ok = c.choose(list)
		return failure(http.StatusBadRequest, "InvalidBlockList"), !ok
	})
}

// choose finds the blocks of a list. The caller holds the lock.
func (c *call) choose(list blockList) (chosen []block, ok bool) {
	container, before := c.find()
	uncommitted := container.blocks[c.name]
	var committed []block
	if before != nil {
		committed = before.blocks
	}
	for _, item := range list.IDs {
		var from []block
		switch item.XMLName.Local {
		case "Latest":
			from = slices.Concat(uncommitted, committed)
		case "Uncommitted":
			from = uncommitted
		case "Committed":
			from = committed
		}
		i := slices.IndexFunc(from, func(b block) bool { return b.id == item.ID && item.ID != "" })
		if i < 0 {
			return nil, false
		}
		chosen = append(chosen, from[i])
	}
	return chosen, true
}

func (c *call) deleteBlob() answer {
	rights := c.rights()
	if !rights.Delete || !rights.mayWriteTo(c.name) {
		return notPermitted
	}
	s := &c.service.store
	s.mu.Lock()
	defer s.mu.Unlock()
	container, b := c.find()
	switch {
	case container == nil:
		return containerNotFound
	case b == nil:
		return blobNotFound
	}
	if refusal, refused := refuseChange(c.r.Header, b); refused {
		return refusal
	}
	container.remove(c.name)
	return answer{status: http.StatusAccepted, header: http.Header{"X-Ms-Delete-Type-Permanent": {"true"}}}
}
