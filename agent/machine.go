// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"
)

const machineIDFile = "/etc/machine-id"

// machineApplication is our application id: systemd-id128 machine-id --app-specific=… prints what machineID gives.
var machineApplication = uuid.MustParse("b3a1b7de-5f0c-4c36-9d5e-6a2c51f0b9e4")

// machineID gives the id of this machine, as systemd's sd_id128_get_machine_app_specific makes it: machine-id(5) asks that the id itself
// leaves no host. It is "" with an error that says why if the file has none.
func machineID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read the machine id: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return "", fmt.Errorf("read the machine id: %w", err)
	}
	id, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(id) != len(uuid.UUID{}) || uuid.UUID(id) == uuid.Nil {
		return "", fmt.Errorf("%s holds no machine id: %.40q", path, text)
	}
	mac := hmac.New(sha256.New, id)
	_, _ = mac.Write(machineApplication[:]) // never fails
	own := uuid.UUID(mac.Sum(nil)[:len(id)])
	own[6], own[8] = own[6]&0x0f|0x40, own[8]&0x3f|0x80 // a random UUID by its form
	return own.String(), nil
}
