'use strict';

module.exports = require('nx-azure-cache');
