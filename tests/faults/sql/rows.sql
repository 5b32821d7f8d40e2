SELECT id, image_path, sha256 FROM cargo WHERE id >= :first
