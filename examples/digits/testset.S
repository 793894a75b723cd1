/* testset.S: puts the NumPy files beside it into read-only data, without their headers of 128 bytes. */
        .section .rodata.digits_testset, "a"
        .global digits_expected, digits_expected_int8, digits_images, digits_labels
        .balign 16
digits_expected:
        .incbin "probabilities.npy", 128
digits_expected_int8:
        .incbin "probabilities_int8.npy", 128
digits_images:
        .incbin "images.npy", 128
digits_labels:
        .incbin "labels.npy", 128
#ifdef __linux__
        .section .note.GNU-stack, "", %progbits
#endif
