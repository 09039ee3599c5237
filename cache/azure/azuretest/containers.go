package azuretest

import "net/http"

func (c *call) createContainer() response {
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

func (c *call) containerProperties() response {
	if !c.rights().Manage {
		return notPermitted
	}
	s := &c.service.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	existing := s.containers[c.container]
	if existing == nil {
		return containerNotFound
	}
	return response{status: http.StatusOK, header: http.Header{
		"Etag": {existing.etag}, "Last-Modified": {existing.made.UTC().Format(http.TimeFormat)},
	}}
}
