package azuretest

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"hash/crc64"
	"net/http"
)

func (c *call) putBlob() response {
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

// commit stores a blob unless it is refused or its conditions do not hold.
func (c *call) commit(b *blob, refuse func(exists bool) (response, bool)) response {
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

func created(header http.Header, stored bool) response {
	header["X-Ms-Request-Server-Encrypted"] = []string{"true"}
	return response{status: http.StatusCreated, header: header, stored: stored}
}

// Azure's polynomial (azcore calls it shared.CRC64Polynomial).
var crcTable = crc64.MakeTable(0x9A6C9329AC4BC9B5)

// refuseDigest refuses a body that does not match its digests. The blob's digest is
// checked if the body is the whole blob.
func (c *call) refuseDigest(isBlob bool) (response, bool) {
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
	return response{}, false
}

func (c *call) deleteBlob() response {
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
	return response{status: http.StatusAccepted, header: http.Header{"X-Ms-Delete-Type-Permanent": {"true"}}}
}
