package azuretest

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

// refuseBlocks refuses callers that may not write; permission to create is not enough.
func (c *call) refuseBlocks(bool) (response, bool) {
	rights := c.rights()
	return notPermitted, !rights.Write || !rights.mayWriteTo(c.name)
}

// maxBlockID is the longest ID of a block, decoded.
const maxBlockID = 64

func (c *call) putBlock() response {
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

func (c *call) putBlockList() response {
	if refusal, refused := c.refuseDigest(false); refused {
		return refusal
	}
	var list blockList
	if err := xml.NewDecoder(bytes.NewReader(c.body)).Decode(&list); err != nil {
		return failure(http.StatusBadRequest, "InvalidXmlDocument")
	}
	b := newBlob(c.r.Header, nil)
	return c.commit(b, func(exists bool) (response, bool) {
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
