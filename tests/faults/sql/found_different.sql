SELECT found FROM verify_state
