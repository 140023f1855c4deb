/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start-up calibration of the engine: see calibration.c. engine_calibrate is in native.h. */
#ifndef CALIBRATION_H
#define CALIBRATION_H

#include "native.h"

#endif
